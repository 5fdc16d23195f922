import type { ScenarioOptions } from './scenario.ts';

/** A seed that once found a bug. The test runs every one of them. */
export interface Regression {
  readonly seed: number;
  /** Kind of seed; all that the number says when left out. */
  readonly options?: ScenarioOptions;
  /** The bug that it found, in the words of the field. */
  readonly why: string;
}

export const regressions: readonly Regression[] = [
  {
    seed: 910366,
    why: 'a guard that was restarted during an attachment left its standby closed: promoted later, it took no writes, and the run ended succeeded',
  },
  {
    seed: 1148,
    why: 'promoted by hand, adopted, crashed before the store had heard: nobody vouched for it',
  },
  {
    seed: 423,
    options: { family: 'planned' },
    why: 'a late copy of the stop took down what was attached since, for good',
  },
  {
    seed: 236,
    options: { family: 'planned' },
    why: 'attached though its guard was told that it failed: it counted as stopped, and stayed down after a crash',
  },
  {
    seed: 34824,
    why: 'a late copy of the stop, while the database did not answer, took down what was attached since',
  },
  {
    seed: 50065,
    why: 'attached though its guard was told that it failed, and crashed before the next look: it stayed down',
  },
  {
    seed: 75914,
    why: 'the loss of a failover was judged before the promises of the new side had ended: the old one wrote on, no longer in sync',
  },
  {
    seed: 98558,
    why: 'a promotion that was carried to its end opened what a later fence had closed',
  },
  {
    seed: 39,
    options: { family: 'unattended' },
    why: 'serve stood still between two short silences, and its own pause counted as one long silence of the region',
  },
  {
    seed: 699,
    why: 'a person put the data of a lost primary back and started it open, without the guard',
  },
  {
    seed: 9_400_003,
    why: 'the data of a synchronous standby was put aside between a commit and its acknowledgement',
  },
  {
    seed: 900_131,
    options: { family: 'unattended' },
    why: 'another data directory was put in place between the look and the act of one attachment',
  },
  {
    seed: 20_001_424,
    why: 'a guard that was the writer before counted its old lease after a promotion: a success without a lease',
  },
  {
    seed: 20_002_132,
    why: 'a success by what the guard had seen before the promotion: somebody had closed the server since',
  },
  {
    seed: 92_824_298,
    why: 'another data directory was put there between the look and the salvage, and its empty answer was kept',
  },
  {
    seed: 92_825_907,
    why: 'a guard that was closing waited six seconds for a door that another file, loaded at that moment, had opened',
  },
  {
    seed: 92_826_679,
    why: 'a late copy of a hold closed a door that its run had let go',
  },
  {
    seed: 1_021,
    why: 'a session got in, and the server was started anew before its guard looked: the switchover threw its writes away unread',
  },
  {
    seed: 71_001_807,
    why: 'webhooks delivered into such a window were salvaged as rows and not delivered again',
  },
  {
    seed: 153_950_759,
    why: 'serve left a run when its store was full and took it over again: the checker took that for one controller',
  },
  {
    seed: 153_955_201,
    why: 'an unattended failover used an override of its policy that its mandate did not record',
  },
  {
    seed: 153_955_438,
    why: "somebody's file was loaded by the guard's own reload: the checker took that for a closing by nobody",
  },
  {
    seed: 237_215_649,
    why: 'a reopened database was closed again only when store and peer had let their deadlines pass, twice in a row',
  },
  {
    seed: 57_599_103,
    why: 'a controller that took over promoted on the fence that an earlier one had not got, past its deadline, and lost writes of an old side that answered',
  },
  {
    seed: 201_849_898,
    why: 'a run ended succeeded although the new region had never taken a write: somebody had closed it before its promotion, and its database failed before the guard looked again',
  },
  {
    seed: 201_739_159,
    why: 'two copies of one attachment worked at once, and the older one ended well: the checker took that for the younger one, which came after a newer token and was refused',
  },
  {
    seed: 201_813_588,
    why: 'the doorkeeper was still waiting for an answer that had got lost when all was healed: the checker asked for its door before its next round',
  },
  {
    seed: 201_934_946,
    why: 'a guard was stopped after the healing, while somebody let a writer in: the checker took every hindrance for over with the healing',
  },
  {
    seed: 232_872_967,
    why: 'serve was started again 0.1 s before the end of the seed: the checker asked for a door that its doorkeeper had had no time to tell',
  },
  {
    seed: 232_882_359,
    why: 'a write that somebody let into a closed database was not on the standby: the checker took that for a lie about synchronous commits',
  },
  {
    seed: 189_492_735,
    why: 'a database that was promoted by hand, and down a moment later, opened although nobody had answered its guard',
  },
  {
    seed: 179_520_404,
    why: "somebody's file was put there between the guard's own and the server's start: the checker took that for an opening by the guard",
  },
  {
    seed: 179_515_748,
    why: 'a fence began after all had healed: the checker asked for its end before its deadline',
  },
  {
    seed: 190_763_178,
    why: 'serve took a run over in the same moment in which its lease ended: the checker saw a lease of 1.5e-11 ms, a rounding of two clocks',
  },
  {
    seed: 121_389_931,
    why: 'somebody loaded an open file for a moment while the other guard was silent: the old side was tried two rounds later, and took writes until then',
  },
  {
    seed: 121_407_626,
    why: 'a copy of a promotion waited while the promotion ended, and was judged by a look from before it: the open side was closed again',
  },
  {
    seed: 121_382_603,
    why: 'the guard of the new side had written down that commits do not wait, and did not answer the failover, which called every write safe',
  },
];
