/**
 * `npm run repeat -- --rounds 20`: switchovers in sequence, there and back, under live traffic.
 *
 * Prints one line for each round; with `--json` the last line is one object with all figures. Exit
 * code 1 when a round lost a write, had two writers, failed a request after the promotion, or
 * missed a webhook.
 */
import { Command } from '@commander-js/extra-typings';
import { measure } from 'throwover';
import { quantiles } from 'throwover/kernel';
import { anyNumber, lagOption, portBaseOption, runCommand } from './command-line.ts';
import { labOptions } from './world/options.ts';
import { type Recorded, recordRun } from './world/record.ts';
import { withLab } from './world/with-lab.ts';

/** Live traffic before each switch, ms. */
const baselineMs = 3_000;

const given = new Command('npm run repeat --')
  .option('--rounds <n>', 'how many', anyNumber, 20)
  .addOption(lagOption())
  .option('--latency <ms>', 'one way between the regions', anyNumber, 40)
  .option(
    '--observe <s>',
    'how long to look on after each flip, s; the longest hold is 15',
    anyNumber,
    8,
  )
  .option('--seed <n>', 'seed of the traffic', anyNumber, 1)
  .addOption(portBaseOption())
  .option('--json', 'end with one line of JSON')
  .parse()
  .opts();

type Round = ReturnType<typeof roundOf>;

function roundOf(round: number, { evidence: seen, journal }: Recorded) {
  const attached = journal.records.find(
    (record) => record.type === 'outcome' && record.step === 'attach-old',
  );
  const evidence = attached?.type === 'outcome' ? attached.evidence : {};
  return {
    round,
    to: seen.to,
    figures: measure(seen),
    /** How the old side became a standby. */
    attach: String(evidence['way'] ?? 'unknown'),
    bytesCopied: Number(evidence['bytesCopied'] ?? 0),
  };
}

const isClean = ({ figures }: Round) =>
  figures.writesLost === 0 &&
  figures.twoWritersMs === 0 &&
  figures.requestsFailedAfterPromotion === 0 &&
  figures.webhooksMissed === 0;

function lineOf(round: Round): string {
  const { figures: f } = round;
  const gap = f.writeGapMs === null ? 'unknown' : `${Math.round(f.writeGapMs)} ms`;
  return [
    `round ${round.round} to ${round.to}: ${isClean(round) ? 'clean' : 'NOT CLEAN'}`,
    `${f.writesAcknowledged} writes, ${f.writesLost} lost, two writers ${f.twoWritersMs} ms`,
    `failed ${f.requestsFailed} (${f.requestsFailedAfterPromotion} after promotion), stale ${f.staleReads}`,
    `webhooks ${f.webhooksSent}, missed ${f.webhooksMissed}, late ${f.webhooksLate}`,
    `gap ${gap}, attached ${round.attach}`,
  ].join('; ');
}

async function main(): Promise<void> {
  const options = labOptions({
    seed: given.seed,
    latencyMs: given.latency,
    lagProfile: given.lag,
    portBase: given.portBase,
  });
  const rounds: Round[] = [];
  await withLab(options, async (lab) => {
    for (let round = 1; round <= given.rounds; round++) {
      const recorded = await recordRun(lab, {
        kind: 'switchover',
        baselineMs,
        observeMs: given.observe * 1_000,
        show: false,
      });
      const result = roundOf(round, recorded);
      rounds.push(result);
      console.log(lineOf(result));
    }
  });
  const clean = rounds.filter(isClean).length;
  const withoutCopy = rounds.filter(({ attach }) => attach === 'as-is').length;
  const writeGapMs = quantiles(rounds.flatMap(({ figures }) => figures.writeGapMs ?? []));
  console.log(
    `${clean} of ${rounds.length} rounds clean; ${withoutCopy} attached without a copy; write gap median ${Math.round(writeGapMs?.p50 ?? 0)} ms, max ${Math.round(writeGapMs?.max ?? 0)} ms`,
  );
  if (given.json) {
    console.log(JSON.stringify({ clean, withoutCopy, writeGapMs, rounds }));
  }
  if (clean < rounds.length) process.exitCode = 1;
}

await runCommand(main);
