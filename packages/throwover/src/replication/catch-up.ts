import { bytesOf, type Position, timelineOf } from '@throwover/client';
import type { DatabaseSide } from '../authority/database-side.ts';
import type { Clock } from '../kernel/kernel.ts';
import { done, evidenceOf, look, pending, refused } from '../runbook/observe.ts';
import type { Step, StepContext } from '../runbook/step.ts';
import type { Consent } from './consent.ts';
import { replicationErrors } from './errors.ts';
import { aboveBound, type Exposure, exposureText, sequenceAdvance } from './exposure.ts';
import type { LossView } from './loss.ts';
import type { OldWriter } from './old-writer.ts';
import type { Standby } from './standby.ts';
import { catchUpPollMs, positionPollMs } from './timings.ts';

/** The standby has on disk everything that the old primary acknowledged (A2). */
export function catchUp(options: {
  to: Standby;
  writer: OldWriter;
  /** Shorter than the fence's deadline: when it passes, the old side opens again. */
  timeoutMs: number;
}): Step<'catch-up'> {
  const { to, writer, timeoutMs } = options;
  return {
    name: 'catch-up',
    title: `Wait until ${to.region} has everything that was written`,
    waits: 'machine',
    timeoutMs,
    pollMs: catchUpPollMs,
    undo: { none: 'nothing was changed' },
    observe: (context) =>
      look(async () => {
        const status = await to.side.status();
        if (status.role === 'primary') return done({ role: 'primary' });
        const { position } = await writer.confirmed(context);
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

/** Longest time that a failover waits for what the standby can still get, ms: what a dead side's network still carries arrives within one. */
const stillComingMs = 5_000;
/** The standby has received nothing new for this long: nothing more is coming, ms. Less when its connection is gone. */
const quietMs = 300;
const quietUnconnectedMs = 50;

/** What a failover's `catch-up` leaves in the journal, and its promotion goes by. */
export interface Remainder {
  /** Nothing acknowledged is missing. */
  readonly complete: boolean;
  readonly exposure: Exposure;
  readonly sequenceAdvance: number;
}

/**
 * A failover's: the standby has what it can still get. With a confirmed fence that is everything, while
 * the old side lives; without one it is what was on its way. What then is missing must be within the
 * bound, or accepted by name; this is the last look before the point of no return.
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
    undo: { none: 'nothing was changed' },
    observe: (context) =>
      look(async () => {
        const { role, received, streaming } = await to.status();
        if (role === 'primary') return done({ role });
        const nowMs = clock.monotonicMs();
        beganMs ??= nowMs;
        if (last === null || last.received !== received) last = { received, atMs: nowMs };
        const proof = writer.known(context);
        if (proof !== null && received !== null && covers(received, proof.position)) {
          const exposure: Exposure = { kind: 'none', why: 'all-received' };
          return done({ received, position: proof.position, complete: true, exposure });
        }
        const longEnoughMs = streaming ? quietMs : quietUnconnectedMs;
        const quiet = proof === null && nowMs - last.atMs >= longEnoughMs;
        if (!quiet && nowMs - beganMs < stillComingMs) return pending({ received });
        const exposure = await options.loss({ received, oldAnswers: false });
        const advance = sequenceAdvance(exposure, options.idsPerSecond);
        // As when the old side was asked to close: what it takes until now was known to whoever approved.
        const grownMs = clock.wallMs() - askedWallMs(context, clock);
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
          arithmetic: advance.arithmetic,
        });
      }),
    onlyWaits: true,
    act: async () => {},
  };
}

/** When this run asked the old side to close, by its journal; now when it does not say. */
function askedWallMs(context: StepContext, clock: Clock): number {
  const { askedWallMs: asked } = evidenceOf(context, 'fence');
  return typeof asked === 'number' ? asked : clock.wallMs();
}

export function lossAboveBound(options: { exposure: Exposure; boundMs: number; from: string }) {
  const { exposure, boundMs, from } = options;
  return replicationErrors.make(
    'loss-above-bound',
    `at risk: ${exposureText(exposure, from)}; the bound is ${boundMs} ms`,
    { exposure, boundMs },
  );
}

/** What `catch-up` found; without it in the journal nothing is known to be complete. */
export function remainderOf(context: StepContext): Remainder {
  const { complete, exposure, sequenceAdvance: advance } = evidenceOf(context, 'catch-up');
  return {
    complete: complete === true,
    exposure: isExposure(exposure)
      ? exposure
      : { kind: 'unknown', why: 'the journal does not say what was missing' },
    sequenceAdvance: typeof advance === 'number' ? advance : 0,
  };
}

function isExposure(value: unknown): value is Exposure {
  return typeof value === 'object' && value !== null && 'kind' in value;
}

/** `received` holds all of `position`: same timeline or a later one that began after it, and as many bytes. */
export function covers(received: Position, position: Position): boolean {
  return timelineOf(received) >= timelineOf(position) && bytesOf(received) >= bytesOf(position);
}
