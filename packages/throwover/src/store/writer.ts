import { epochMoved, type ServiceFacts } from './epochs.ts';
import { storeErrors } from './errors.ts';
import { maxWriterLeaseMs } from './limits.ts';
import { mustSpeak, type RunFacts } from './rules.ts';
import type { Store, WriterRenewal } from './store.ts';

/**
 * Strict mode, pure: who is granted the right to write, and who stops it.
 *
 * They keep: a lease goes to the active region of the newest epoch alone; once stopped, none is granted
 * in that epoch until the run gives it back, and what it gave back it cannot stop again. Without the
 * last, a stop that was on its way while it was taken back would close a healthy writer for good, and
 * a restore that was late would make a proof of expiry false.
 */

type Input<Call extends keyof Store> = Parameters<Store[Call]>[0];

export function renewal(facts: ServiceFacts, input: Input<'renewWriter'>): WriterRenewal {
  const { service, region, leaseMs } = input;
  if (leaseMs > maxWriterLeaseMs) {
    throw storeErrors.make(
      'lease-too-long',
      `a writer's lease of ${leaseMs} ms for ${service}; at most ${maxWriterLeaseMs}`,
      { leaseMs, maxWriterLeaseMs },
    );
  }
  const { epoch, active } = facts.state;
  const refused = (why: 'not-active' | 'epoch-moved' | 'stopped') =>
    ({ kind: 'refused', why, epoch, active }) as const;
  if (region !== active) return refused('not-active');
  if (input.epoch !== epoch) return refused('epoch-moved');
  if (facts.stoppedEpoch === epoch) return refused('stopped');
  return { kind: 'granted' };
}

export function writerStopped(facts: ServiceFacts, run: RunFacts, token: number): ServiceFacts {
  mustSpeak(run, facts.state.name, token);
  const { state } = facts;
  if (run.epoch !== state.epoch) {
    const what = `run ${run.runId} of epoch ${run.epoch} cannot expire the writer`;
    throw epochMoved(state, what, { asked: run.epoch });
  }
  if (token <= facts.restoredToken) {
    throw storeErrors.make(
      'writer-restored',
      `run ${run.runId} has let ${state.active} write on in epoch ${state.epoch}`,
      { runId: run.runId, token, region: state.active, epoch: state.epoch },
    );
  }
  return facts.stoppedEpoch === state.epoch ? facts : { ...facts, stoppedEpoch: state.epoch };
}

/** In a newer epoch nothing is stopped any more; giving back is then nothing, not a mistake. */
export function writerRestored(facts: ServiceFacts, run: RunFacts, token: number): ServiceFacts {
  mustSpeak(run, facts.state.name, token);
  if (facts.stoppedEpoch === null && token <= facts.restoredToken) return facts;
  return { ...facts, stoppedEpoch: null, restoredToken: Math.max(token, facts.restoredToken) };
}
