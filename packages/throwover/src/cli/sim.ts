import {
  type Family,
  runSeed,
  runSeeds,
  type ScenarioOptions,
  type SeedResult,
} from '../simulation/simulation.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { outputOf, type Terminal } from './terminal.ts';

/** Number of failing seeds that are listed; all of them are counted. */
const toldFailures = 20;

/** Time between two lines of progress, ms. */
const progressMs = 5_000;

export interface SimOptions {
  readonly seeds: number;
  readonly from: number;
  readonly workers: number;
  readonly seed?: number;
  readonly trace?: boolean;
  readonly writerFence?: 'available' | 'strict';
  readonly durability?: 'asynchronous' | 'synchronous';
  readonly family?: Family;
  readonly json?: boolean;
}

/**
 * `throwover sim`: simulates seeds on virtual time. Exit code 1 when one of them breaks an
 * invariant.
 */
export async function simCommand(terminal: Terminal, options: SimOptions): Promise<ExitCode> {
  const scenario = scenarioOptions(options);
  if (options.seed !== undefined) return oneSeed(terminal, options, scenario);
  const { clock } = terminal;
  const { from, seeds: count, workers } = options;
  const output = outputOf(terminal, options.json === true);
  output.say(
    `${count} seeds from ${from}, ${workers} workers, ${flags(options).join(' ') || 'everything drawn from the seed'}`,
  );
  const startedMs = clock.monotonicMs();
  const failures: SeedResult[] = [];
  let done = 0;
  let events = 0;
  let virtualMs = 0;
  let toldMs = startedMs;
  const rate = () => done / Math.max(0.001, (clock.monotonicMs() - startedMs) / 1000);
  await runSeeds({
    from,
    count,
    workers,
    options: scenario,
    onResult: (result) => {
      done += 1;
      events += result.events;
      virtualMs += result.virtualMs;
      if (result.violations.length > 0) {
        failures.push(result);
        if (failures.length <= toldFailures) output.say(failureText(result, options));
      }
      if (clock.monotonicMs() - toldMs >= progressMs) {
        toldMs = clock.monotonicMs();
        output.say(
          `${done} of ${count} seeds, ${failures.length} failing, ${Math.round(rate())}/s`,
        );
      }
      return undefined;
    },
  });
  const elapsedMs = Math.round(clock.monotonicMs() - startedMs);
  const violations = failures.reduce((sum, failure) => sum + failure.violations.length, 0);
  output.result(
    {
      seeds: done,
      from,
      violations,
      failingSeeds: failures
        .map(({ seed }) => seed)
        .sort((a, b) => a - b)
        .slice(0, 100),
      seedsPerSecond: Math.round(rate() * 10) / 10,
      elapsedMs,
      events,
      virtualHours: Math.round(virtualMs / 3_600) / 1_000,
      workers,
      options: scenario,
    },
    `${done} seeds, ${violations} violations in ${failures.length} seeds, ${Math.round(rate())} seeds/s, ${(elapsedMs / 1000).toFixed(1)} s, ${(virtualMs / 3_600_000).toFixed(1)} virtual hours`,
  );
  return failures.length === 0 ? exitCodes.ok : exitCodes.failed;
}

async function oneSeed(
  terminal: Terminal,
  options: SimOptions,
  scenario: ScenarioOptions,
): Promise<ExitCode> {
  const output = outputOf(terminal, options.json === true);
  const trace = options.trace
    ? { trace: (line: string) => void terminal.stdout.write(`${line}\n`) }
    : {};
  const result = await runSeed(options.seed ?? 0, { ...scenario, ...trace });
  const { seed, violations, hash, events, virtualMs } = result;
  const text = [
    ...violations.map((violation) => `${violation.rule}: ${violation.text}`),
    `seed ${seed}: ${violations.length} violations, ${events} events, ${(virtualMs / 1000).toFixed(1)} virtual seconds, hash ${hash}`,
  ];
  output.result(
    { seeds: 1, ...result, violations: violations.length, found: violations },
    text.join('\n'),
  );
  return violations.length === 0 ? exitCodes.ok : exitCodes.failed;
}

function failureText({ seed, violations }: SeedResult, options: SimOptions): string {
  const [first] = violations;
  const replay = ['throwover sim', ...flags(options), `--seed ${seed}`, '--trace'].join(' ');
  return `seed ${seed}: ${first?.rule}: ${first?.text.split('\n')[0]}\n  replay: ${replay}`;
}

function flags({ writerFence, durability, family }: SimOptions): readonly string[] {
  return [
    ...(writerFence === undefined ? [] : [`--writer-fence ${writerFence}`]),
    ...(durability === undefined ? [] : [`--durability ${durability}`]),
    ...(family === undefined ? [] : [`--family ${family}`]),
  ];
}

function scenarioOptions({ writerFence, durability, family }: SimOptions): ScenarioOptions {
  return {
    ...(writerFence === undefined ? {} : { strict: writerFence === 'strict' }),
    ...(durability === undefined ? {} : { synchronous: durability === 'synchronous' }),
    ...(family === undefined ? {} : { family }),
  };
}
