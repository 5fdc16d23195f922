import type { ScenarioOptions } from './scenario.ts';

/** A seed that once found a bug. The test runs every one of them. */
export interface Regression {
  readonly seed: number;
  readonly options: ScenarioOptions;
  /** The bug that it found, in the words of the field. */
  readonly why: string;
}

/** Returns the regressions of one kind of seeds, by seed. */
const seedsOf = (options: ScenarioOptions, whys: Readonly<Record<number, string>>): Regression[] =>
  Object.entries(whys).map(([seed, why]) => ({ seed: Number(seed), options, why }));

export const regressions: readonly Regression[] = [
  ...seedsOf(
    {},
    {
      699: 'a person put the data of a lost primary back and started it open, without the guard',
      1021: 'a session got in, and the server was started anew before its guard looked: the switchover threw its writes away unread',
      1148: 'promoted by hand, adopted, crashed before the store had heard: nobody vouched for it',
      34824:
        'a late copy of the stop, while the database did not answer, took down what was attached since',
      13188694: 'the same, while the database was down after a crash: it stayed down',
      34893259:
        "somebody's open file came between the guard's write and its reload, which loaded it",
      50065:
        'attached though its guard was told that it failed, and crashed before the next look: it stayed down',
      75914:
        'the loss of a failover was judged before the promises of the new side had ended: the old one wrote on, no longer in sync',
      98558: 'a promotion that was carried to its end opened what a later fence had closed',
      910366:
        'a guard that was restarted during an attachment left its standby closed: promoted later, it took no writes, and the run ended succeeded',
      9400003:
        'the data of a synchronous standby was put aside between a commit and its acknowledgement',
      20001424:
        'a guard that was the writer before counted its old lease after a promotion: a success without a lease',
      20002132:
        'a success by what the guard had seen before the promotion: somebody had closed the server since',
      57599103:
        'a controller that took over promoted on the fence that an earlier one had not got, past its deadline, and lost writes of an old side that answered',
      71001807:
        'webhooks delivered into such a window were salvaged as rows and not delivered again',
      92824298:
        'another data directory was put there between the look and the salvage, and its empty answer was kept',
      92825907:
        'a guard that was closing waited six seconds for a door that another file, loaded at that moment, had opened',
      92826679: 'a late copy of a hold closed a door that its run had let go',
      121382603:
        'the guard of the new side had written down that commits do not wait, and did not answer the failover, which called every write safe',
      121389931:
        'somebody loaded an open file for a moment while the other guard was silent: the old side was tried two rounds later, and took writes until then',
      121407626:
        'a copy of a promotion waited while the promotion ended, and was judged by a look from before it: the open side was closed again',
      153950759:
        'serve left a run when its store was full and took it over again: the checker took that for one controller',
      153955201:
        'an unattended failover used an override of its policy that its mandate did not record',
      153955438:
        "somebody's file was loaded by the guard's own reload: the checker took that for a closing by nobody",
      122829950:
        'three attachments in a row got lost on the way: the checker took a run for stuck that only waited for their deadlines',
      179515748:
        'a fence began after all had healed: the checker asked for its end before its deadline',
      179520404:
        "somebody's file was put there between the guard's own and the server's start: the checker took that for an opening by the guard",
      189492735:
        'a database that was promoted by hand, and down a moment later, opened although nobody had answered its guard',
      190763178:
        'serve took a run over in the same moment in which its lease ended: the checker saw a lease of 1.5e-11 ms, a rounding of two clocks',
      201739159:
        'two copies of one attachment worked at once, and the older one ended well: the checker took that for the younger one, which came after a newer token and was refused',
      201813588:
        'the doorkeeper was still waiting for an answer that had got lost when all was healed: the checker asked for its door before its next round',
      201849898:
        'a run ended succeeded although the new region had never taken a write: somebody had closed it before its promotion, and its database failed before the guard looked again',
      201934946:
        'a guard was stopped after the healing, while somebody let a writer in: the checker took every hindrance for over with the healing',
      232872967:
        'serve was started again 0.1 s before the end of the seed: the checker asked for a door that its doorkeeper had had no time to tell',
      232882359:
        'a write that somebody let into a closed database was not on the standby: the checker took that for a lie about synchronous commits',
      237215649:
        'a reopened database was closed again only when store and peer had let their deadlines pass, twice in a row',
    },
  ),
  ...seedsOf(
    { family: 'planned' },
    {
      236: 'attached though its guard was told that it failed: it counted as stopped, and stayed down after a crash',
      423: 'a late copy of the stop took down what was attached since, for good',
    },
  ),
  ...seedsOf(
    { family: 'unattended' },
    {
      39: 'serve stood still between two short silences, and its own pause counted as one long silence of the region',
      900131:
        'another data directory was put in place between the look and the act of one attachment',
    },
  ),
];
