/**
 * `npm run dns-fuzz -- [--packets N] [--seed S] [--json]`
 *
 * Sends malformed packets to the canary zone's responder, in batches with one seed each. Exits with
 * code 1 and prints the packet when the responder throws, answers something that is not DNS, or
 * sends more than 1.5 times what it received.
 */
import { Command } from '@commander-js/extra-typings';
import { systemClock } from 'throwover/kernel';
import { wholeAboveZero } from '../packages/lab/src/command-line.ts';
import { fuzz } from '../packages/throwover/src/traffic/canary/fuzz.fixture.ts';

/** Packets of one seed: a failure can be reproduced in seconds. */
const batch = 100_000;

const program = new Command('npm run dns-fuzz --')
  .option('--packets <count>', 'how many', wholeAboveZero, 10_000_000)
  .option('--seed <number>', 'seed of the first batch', wholeAboveZero, 1)
  .option('--json', 'end with one line of JSON')
  .action(({ packets, seed, json }) => {
    const say = (line: string) => (json ? console.error(line) : console.log(line));
    const startedMs = systemClock.monotonicMs();
    let done = 0;
    let answered = 0;
    let worst = 0;
    const last = seed + Math.ceil(packets / batch) - 1;
    say(`${packets} packets, seeds ${seed} to ${last}, ${batch} each`);
    for (let own = seed; own <= last; own += 1) {
      const count = fuzz(own, Math.min(batch, packets - done));
      done += count.packets;
      answered += count.answered;
      worst = Math.max(worst, count.worstAmplification);
      if (done % 1_000_000 === 0) say(`${done} packets, no failure`);
    }
    const seconds = (systemClock.monotonicMs() - startedMs) / 1_000;
    const figures = { packets: done, answered, worstAmplification: worst, seconds, seed, last };
    say(
      `${done} packets in ${seconds.toFixed(0)} s: ${answered} answered, none wrong; largest answer ${worst.toFixed(2)} times its question`,
    );
    if (json) console.log(JSON.stringify(figures));
  });
await program.parseAsync();
