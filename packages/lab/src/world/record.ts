import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  loadService,
  type RequestRecord,
  type RunEvidence,
  type RunState,
  stepsOf,
} from 'throwover';
import { systemClock } from 'throwover/kernel';
import { labErrors } from '../errors.ts';
import type { Lab } from './lab.ts';
import { type LagSampler, sampleLag } from './lag-sampler.ts';
import { readLines } from './lines.ts';
import { otherRegion, type RegionName } from './map.ts';
import { digestOf, newestRun } from './operator.ts';
import { timeScale } from './options.ts';
import { clientResolvers, longHoldMinutes } from './resolver-list.ts';
import type { ClientsAsked } from './specs.ts';
import { survivorsOf } from './survivors.ts';
import { failureOf, throwover } from './throwover-cli.ts';
import { endSender, startSender, stopSender } from './webhooks.ts';

/** The window of the objective: 5 s of traffic answered by the new region, ms. */
const objectiveWindowMs = 5_000;

/** How long clients are watched beyond the longest hold and the objective's window, ms. */
const observeMarginMs = 2_000;

/** Longest wait for the sender's last retries when the recording ends, ms. */
const senderPatienceMs = 8_000;

export interface Recording {
  readonly kind: 'flip-only' | 'switchover';
  /** Live traffic before the run, ms: the baseline. */
  readonly baselineMs: number;
  /** How long to watch after the run's flip, ms; `null`: until the longest hold must be over. */
  readonly observeMs: number | null;
  /** Which clients to start; left out: as in the lab's options. */
  readonly clients?: Omit<ClientsAsked, 'output'>;
  /** Whether to show the run's progress on this terminal. */
  readonly show: boolean;
}

export interface Recorded {
  readonly evidence: RunEvidence;
  readonly journal: RunState;
}

/** Runs one switch under live traffic and returns all records. */
export async function recordRun(lab: Lab, recording: Recording): Promise<Recorded> {
  const lag = sampleLag(lab.map);
  try {
    return await recordWith(lab, recording, lag);
  } finally {
    await lag.stop();
  }
}

async function recordWith(lab: Lab, recording: Recording, lag: LagSampler): Promise<Recorded> {
  const from = await lab.active();
  const to = otherRegion(from);
  const dir = join(
    lab.options.dir,
    'recordings',
    `${recording.kind}-${Math.round(systemClock.wallMs())}`,
  );
  await mkdir(dir, { recursive: true });

  const output = join(dir, 'requests.jsonl');
  const fromMs = systemClock.wallMs();
  await startTraffic(lab, recording, output);
  await systemClock.sleep(recording.baselineMs);

  const journal = await performRun(lab, recording, to);
  const { runId } = journal;
  const { steps, firstActMs, flippedMs } = stepsOf(journal);
  const observeMs =
    recording.observeMs ??
    (longHoldMinutes * 60_000) / timeScale + objectiveWindowMs + observeMarginMs;
  const lookUntilMs = (flippedMs ?? systemClock.wallMs()) + observeMs;
  await systemClock.sleep(Math.max(0, lookUntilMs - systemClock.wallMs()));

  await lab.stopClients();
  await stopSender(lab);
  const toMs = systemClock.wallMs();
  const webhooks = await endSender(lab, senderPatienceMs);
  await lag.stop();

  const { service } = await loadService(join(lab.options.dir, 'throwover.yaml'));
  const evidence: RunEvidence = {
    runId,
    kind: recording.kind,
    from,
    to,
    timeScale,
    objectives: service.objectives,
    fromMs,
    toMs,
    firstActMs,
    flippedMs,
    steps,
    requests: await readLines<RequestRecord>(output),
    webhooks,
    lag: lag.samples,
    survivors: await survivorsOf(lab.map, to),
  };
  await writeFile(join(dir, 'evidence.json'), JSON.stringify(evidence));
  return { evidence, journal };
}

async function startTraffic(lab: Lab, { kind, clients }: Recording, output: string): Promise<void> {
  const { map, options } = lab;
  await lab.startClients({ resolvers: clientResolvers(map, options), ...clients, output });
  await startSender(lab, kind === 'flip-only' ? 'dns' : 'gateways');
}

/** Most plans that are read: on a busy machine the facts can change before the plan is approved. */
const maxPlans = 3;

/** Exit code of a run that was refused before it changed anything (docs/cli.md). */
const refused = 3;

/**
 * Runs `throwover plan`, then the run with the plan's digest, like a user who has read it. If that
 * run is refused, the plan is read again: it says why, or has another digest now.
 */
async function performRun(lab: Lab, recording: Recording, to: RegionName): Promise<RunState> {
  const { dir } = lab.options;
  for (let plans = 1; ; plans++) {
    const digest = await digestOf(lab, recording.kind, to);
    const args = [recording.kind, '--to', to, '--yes', digest];
    const result = await throwover(recording.show ? args : [...args, '--json'], {
      cwd: dir,
      show: recording.show,
    });
    if (result.exitCode === 0) break;
    if (plans < maxPlans && result.exitCode === refused) continue;
    if (!recording.show) throw failureOf(args, result);
    throw labErrors.make(
      'lab-run-failed',
      `throwover ${args.join(' ')}: ${result.signal ?? `exit code ${result.exitCode}`}`,
    );
  }
  return newestRun(lab);
}
