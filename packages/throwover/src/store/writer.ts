import { epochMoved, type ServiceFacts } from './epochs.ts';
import { storeErrors } from './errors.ts';
import { maxWriterLeaseMs } from './limits.ts';
import type { Input } from './port.ts';
import { mustHold, mustSpeak, noSuchRun, type RunFacts } from './rules.ts';
import type { WriterRenewal } from './shapes.ts';

/**
 * Strict mode, pure: which region is granted the right to write, and who may stop that.
 *
 * They guarantee: only the active region of the newest epoch gets a lease. Once stopped, none is
 * granted in that epoch until the run gives it back, and a run that gave it back cannot stop it
 * again. Without the last rule, a stop that was still on its way while it was taken back would
 * close a healthy writer permanently, and a late restore would make a proof of expiry false.
 */

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

/**
 * In a newer epoch nothing is stopped any more; giving the right back then changes nothing and is
 * no error. A damaged run that a person has ended gives back too, until the next run begins:
 * otherwise the writer that it had stopped would stay without a lease.
 */
export function writerRestored(facts: ServiceFacts, run: RunFacts, token: number): ServiceFacts {
  const { name, openRun, token: newest } = facts.state;
  if (run.status === 'abandoned' && openRun === null && run.token === newest) {
    if (run.service !== name) throw noSuchRun(run.runId);
    mustHold(run, token);
  } else {
    mustSpeak(run, name, token);
  }
  if (facts.stoppedEpoch === null && token <= facts.restoredToken) return facts;
  return { ...facts, stoppedEpoch: null, restoredToken: Math.max(token, facts.restoredToken) };
}
