import { assertNever, noAnswer } from '../kernel/kernel.ts';
import { done, pending, refused, type Step } from '../runbook/runbook.ts';
import type { Consent } from './consent.ts';
import { replicationErrors } from './errors.ts';
import type { OldWriter } from './old-writer.ts';
import type { Standby } from './standby.ts';
import { commandTimeoutMs, fencePatienceMs, positionPollMs } from './timings.ts';

/**
 * Closes the old region to the application: it can no longer write there, and everything it wrote
 * is below a known position (A1).
 */
export function fence({ writer, to }: { writer: OldWriter; to: Standby }): Step<'fence'> {
  return {
    name: 'fence',
    title: `Close ${writer.region}'s database to the application`,
    waits: 'machine',
    timeoutMs: commandTimeoutMs,
    pollMs: positionPollMs,
    holdsForController: true,
    undo: (context) => writer.unfence(context),
    // The answer of fence() is the evidence: its position was read after the door was seen closed
    // and without sessions.
    observe: async () => (writer.proof === null ? pending({}) : done({ ...writer.proof })),
    act: async (context) => {
      const fencing = writer.fence(context);
      // Not awaited: an answer that takes longer than the fence is of no use.
      void to.askUntil(fencing, context.clock);
      await fencing;
    },
  };
}

/** The replacement for a confirmed fence when the old side does not answer. */
export type WithoutAnswer = 'lease-expiry' | 'override' | 'nothing';

/**
 * The fence of a failover: closes the old side if it answers. If it does not answer, the proof is
 * the end of its lease (strict mode), or a person took the risk of two writers by name. With
 * neither, the run turns back.
 */
export function fenceIfReachable(options: {
  writer: OldWriter;
  without: WithoutAnswer;
}): Step<'fence'> {
  const { writer, without } = options;
  let askedWallMs: number | null = null;
  let silent: { readonly silentForMs: number; readonly stopped: boolean } | null = null;
  return {
    name: 'fence',
    title: `Close ${writer.region}'s database to the application, if it answers; at most ${fencePatienceMs / 1_000} s`,
    waits: 'machine',
    timeoutMs: commandTimeoutMs,
    pollMs: positionPollMs,
    holdsForController: true,
    undo: (context) => writer.unfenceIfReachable(context),
    observe: async () => {
      if (writer.proof !== null) return done({ ...writer.proof, askedWallMs });
      if (silent === null) return pending({});
      const evidence = { confirmed: false, ...silent, without, askedWallMs };
      switch (without) {
        case 'lease-expiry':
        case 'override':
          return done(evidence);
        case 'nothing':
          return refused(fenceNotPossible(writer.region, silent));
        default:
          return assertNever(without);
      }
    },
    act: async (context) => {
      const { clock } = context;
      const askedMs = clock.monotonicMs();
      askedWallMs ??= clock.wallMs();
      // An address without a listener refuses the connection at once, so there is no waiting.
      const answer = await writer.fenceIfAnswering(context);
      const silentForMs = Math.round(clock.monotonicMs() - askedMs);
      const confirmed = answer !== noAnswer && answer !== 'stopped';
      silent = confirmed ? null : { silentForMs, stopped: answer === 'stopped' };
    },
  };
}

/**
 * Returns the replacement for a fence without an answer, from the service's mode and the approved
 * overrides.
 */
export function withoutAnswer(strict: boolean, consent: Consent): WithoutAnswer {
  if (strict) return 'lease-expiry';
  return consent.overrides.includes('two-writers') ? 'override' : 'nothing';
}

export function fenceNotPossible(region: string, seen: { readonly stopped: boolean }) {
  const why = seen.stopped
    ? 'its guard says that PostgreSQL does not run, so it cannot be closed and its last position is unknown. If somebody starts it without its guard, clients write there'
    : 'its guard does not answer. If it lives, clients that still reach it go on writing there';
  return replicationErrors.make(
    'fence-not-possible',
    `nobody can say that ${region} takes no writes: ${why}, and every such write is lost to the new side`,
    seen,
  );
}
