import { bytesOf, type Position, timelineOf } from '@throwover/client';
import type { DatabaseSide } from '../authority/authority.ts';
import type { Clock, Evidence } from '../kernel/kernel.ts';
import { done, look, pending, refused, type Step, type StepContext } from '../runbook/runbook.ts';
import type { Consent } from './consent.ts';
import { replicationErrors } from './errors.ts';
import { aboveBound, exposureText, sequenceAdvance } from './exposure.ts';
import type { LossView } from './loss.ts';
import type { OldWriter } from './old-writer.ts';
import { caughtUp, type Exposure, fenced } from './outcomes.ts';
import type { Standby } from './standby.ts';
import { catchUpPollMs, positionPollMs } from './timings.ts';

/** Waits until the standby has on disk everything that the old primary acknowledged (A2). */
export function catchUp(options: {
  to: Standby;
  writer: OldWriter;
  /** Shorter than the fence's deadline: when that passes, the old side opens again. */
  timeoutMs: number;
}): Step<'catch-up'> {
  const { to, writer, timeoutMs } = options;
  return {
    name: 'catch-up',
    title: `Wait until ${to.region} has everything that was written`,
    waits: 'machine',
    timeoutMs,
    pollMs: catchUpPollMs,
    holdsForController: true,
    undo: { none: 'nothing was changed' },
    observe: ({ clock }) =>
      look(async () => {
        const status = await to.newest(clock);
        if (status.role === 'primary') return done({ role: 'primary' });
        const { position } = writer.confirmed;
        const evidence = { received: status.received, position };
        if (status.received === null || !covers(status.received, position)) {
          return pending(evidence);
        }
        to.caughtUp(status);
        return done(evidence);
      }),
    onlyWaits: true,
    act: async () => {},
  };
}

/**
 * Longest time that a failover waits for writes that the standby can still receive, ms. Data that
 * is still in the network of a dead region arrives within one such period.
 */
const stillComingMs = 5_000;
/**
 * If the standby has received nothing new for this long, no more writes are expected, ms. The
 * second value applies when its connection is gone.
 */
const quietMs = 300;
const quietUnconnectedMs = 50;

/** The result of a failover's `catch-up` in the journal, which its promotion uses. */
export interface Remainder {
  /** No acknowledged write is missing. */
  readonly complete: boolean;
  readonly exposure: Exposure;
  readonly sequenceAdvance: number;
}

/**
 * The `catch-up` of a failover: waits until the standby has what it can still receive. With a
 * confirmed fence, while the old side lives, that is everything; without one it is the data that
 * was on its way. The writes that are missing then must be within the bound, or accepted by name.
 * This is the last check before the point of no return.
 */
export function catchUpLossy(options: {
  to: DatabaseSide;
  writer: OldWriter;
  clock: Clock;
  consent: Consent;
  boundMs: number;
  idsPerSecond: number;
  loss: LossView;
}): Step<'catch-up'> {
  const { to, writer, clock, consent, boundMs } = options;
  let beganMs: number | null = null;
  let last: { readonly received: Position | null; readonly atMs: number } | null = null;
  return {
    name: 'catch-up',
    title: `Wait for what ${to.region} can still get, at most ${stillComingMs / 1_000} s; go on if at most ${boundMs} ms of writes are missing`,
    waits: 'machine',
    timeoutMs: 4 * stillComingMs,
    pollMs: positionPollMs,
    holdsForController: true,
    undo: { none: 'nothing was changed' },
    observe: (context) =>
      look(async () => {
        const { role, received, streaming, renounced } = await to.status();
        const { run, earlier } = context;
        if (role === 'primary') return done(earlier ?? { role });
        const nowMs = clock.monotonicMs();
        beganMs ??= nowMs;
        if (last === null || last.received !== received) last = { received, atMs: nowMs };
        const { proof } = writer;
        if (proof === null && earlier !== null && stillHolds(earlier, renounced)) {
          return done(earlier);
        }
        if (proof !== null && received !== null && covers(received, proof.position)) {
          const exposure: Exposure = { kind: 'none', why: 'all-received' };
          const { position, token } = proof;
          return done({ received, position, complete: true, exposure, token });
        }
        const longEnoughMs = streaming ? quietMs : quietUnconnectedMs;
        const quiet = proof === null && nowMs - last.atMs >= longEnoughMs;
        if (!quiet && nowMs - beganMs < stillComingMs) return pending({ received });
        const exposure = await options.loss({ received, oldAnswers: false });
        const advance = sequenceAdvance(exposure, options.idsPerSecond);
        // Measured as of the moment when the old side was asked to close: the person who approved
        // knew that time passes from then on.
        const grownMs = Math.max(0, clock.wallMs() - askedWallMs(context, clock));
        if (
          aboveBound(exposure, boundMs + grownMs) &&
          !consent.overrides.includes('loss-above-bound')
        ) {
          return refused(lossAboveBound({ exposure, boundMs, from: writer.region }));
        }
        return done({
          received,
          position: proof?.position ?? null,
          complete: exposure.kind === 'none',
          exposure,
          sequenceAdvance: advance.by,
          token: run.token,
          arithmetic: advance.arithmetic,
        });
      }),
    onlyWaits: true,
    act: async () => {},
  };
}

/**
 * Whether the verdict of an earlier controller holds for an old side that does not answer. Not if
 * that side may have opened since: it does so at its fence's deadline, once the new side's guard has
 * renounced the fence's token.
 */
function stillHolds({ token }: Evidence, renounced: number): boolean {
  return typeof token === 'number' && renounced < token;
}

/**
 * The time when this run asked the old side to close, from its journal; the present time if the
 * journal does not tell.
 */
function askedWallMs(context: StepContext, clock: Clock): number {
  return fenced.of(context)?.askedWallMs ?? clock.wallMs();
}

export function lossAboveBound(options: { exposure: Exposure; boundMs: number; from: string }) {
  const { exposure, boundMs, from } = options;
  return replicationErrors.make(
    'loss-above-bound',
    `at risk: ${exposureText(exposure, from)}; the bound is ${boundMs} ms`,
    { exposure, boundMs },
  );
}

/** Returns the result of `catch-up`. Without it in the journal, nothing counts as complete. */
export function remainderOf(context: StepContext): Remainder {
  const { complete, exposure, sequenceAdvance } = caughtUp.of(context) ?? {};
  return {
    complete: complete === true,
    exposure: exposure ?? {
      kind: 'unknown',
      why: 'the journal does not say what was missing',
    },
    sequenceAdvance: sequenceAdvance ?? 0,
  };
}

/**
 * Whether `received` contains all of `position`: it is on the same timeline or on a later one that
 * began after `position`, and has at least as many bytes.
 */
export function covers(received: Position, position: Position): boolean {
  return timelineOf(received) >= timelineOf(position) && bytesOf(received) >= bytesOf(position);
}
