import type { Clock, Evidence } from '../kernel/kernel.ts';
import { done, pending, type Step, type StepContext } from '../runbook/runbook.ts';
import { functionErrors } from './errors.ts';
import { beginRamp, decideRamp, type RampPolicy, type RampSeen, shareOf } from './ramp.ts';

/** Pause between two observations, ms. */
const lookEveryMs = 500;

/**
 * Port: sends a share of the traffic to the other region. A share that is not renewed ends by
 * itself (`setShare` is called at every observation), so that a controller that dies leaves all
 * traffic where it was.
 */
export interface ShareOfTraffic {
  /** Safe to repeat. */
  setShare(share: number, token: number): Promise<void>;
  /** Sends all traffic to its original region again. Safe to repeat. */
  end(token: number): Promise<void>;
  /** Returns figures of the requests that the new region has answered since then. */
  seen(sinceWallMs: number): Promise<RampSeen>;
  /** Returns figures of the old region's requests before the ramp. */
  baseline(): Promise<RampSeen>;
}

interface Ramp {
  readonly to: string;
  readonly traffic: ShareOfTraffic;
  readonly policy: RampPolicy;
  readonly clock: Clock;
}

/**
 * Moves traffic to the new region in steps until it has served all requests for a while; no step
 * may make p99 or errors worse. The traffic itself warms the region. Possible only where both sides
 * can serve, because until the promotion the new side writes to the old side's database.
 */
export function rampTraffic(options: Ramp): Step<'ramp'> {
  const { to, traffic, policy } = options;
  let result: Evidence | null = null;
  return {
    name: 'ramp',
    title: `Send more and more requests to ${to}, as long as p99 and errors allow it`,
    waits: 'machine',
    timeoutMs: policy.shares.length * (policy.stepMs + policy.longestHoldMs) + 60_000,
    pollMs: 100,
    undo: async ({ run }) => traffic.end(run.token),
    observe: async () => (result === null ? pending({}) : done(result)),
    act: async (context) => {
      result = await ramp(options, context);
    },
  };
}

async function ramp(
  { to, traffic, policy, clock }: Ramp,
  { run, signal, progress }: StepContext,
): Promise<Evidence> {
  const baseline = await traffic.baseline();
  let state = beginRamp(clock.monotonicMs());
  let sinceWallMs = clock.wallMs();
  let holds = 0;
  for (;;) {
    await traffic.setShare(shareOf(policy, state), run.token);
    await clock.sleep(lookEveryMs, signal);
    const seen = await traffic.seen(sinceWallMs);
    const next = decideRamp(state, { seen, baseline, nowMs: clock.monotonicMs() }, policy);
    if (next.phase === 'held' && state.phase !== 'held') holds += 1;
    if (next.at !== state.at) sinceWallMs = clock.wallMs();
    state = next;
    const percent = Math.round(shareOf(policy, state) * 100);
    if (state.phase === 'done') return { strategy: 'ramp', baseline, last: seen, holds };
    if (state.phase === 'failed') {
      await traffic.end(run.token);
      throw functionErrors.make(
        'functions-ramp-held',
        `${to} at ${percent} % of the traffic: ${state.reason}, for longer than ${policy.longestHoldMs} ms`,
        { baseline, seen, reason: state.reason, share: shareOf(policy, state) },
      );
    }
    progress(
      `${percent} % of the traffic in ${to}${state.phase === 'held' ? `, held: ${state.reason}` : ''}`,
    );
  }
}
