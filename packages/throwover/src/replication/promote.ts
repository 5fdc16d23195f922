import {
  commandOf,
  type DatabaseSide,
  type FenceProof,
  type Promotion,
} from '../authority/authority.ts';
import { noAnswer, within } from '../kernel/kernel.ts';
import { done, look, pending, refused, type Step, type StepContext } from '../runbook/runbook.ts';
import type { Store } from '../store/store.ts';
import { covers, remainderOf } from './catch-up.ts';
import { unknownClusterOverride } from './clusters.ts';
import type { Consent } from './consent.ts';
import { replicationErrors } from './errors.ts';
import { expiry } from './expire-writer.ts';
import { fenceNotPossible, withoutAnswer } from './fence.ts';
import type { OldWriter } from './old-writer.ts';
import { caughtUp, fenced, promoted } from './outcomes.ts';
import { Standby } from './standby.ts';
import { commandTimeoutMs, guardPatienceMs, positionPollMs } from './timings.ts';

/** The terms of a promotion: its proof, and whether writes may be missing. */
export interface PromotionTerms {
  readonly proof: FenceProof;
  readonly lossy: { readonly sequenceAdvance: number } | null;
  /** It is unknown whether both sides are one cluster, and a person approved that by name. */
  readonly unknownCluster?: boolean;
}

/** Refusals after which no promotion with this run's token can happen. */
const turnsBack: ReadonlySet<string> = new Set([
  'token-renounced',
  'promoted-by-hand',
  'cluster-different',
  'cluster-unknown',
]);

/**
 * Promotes the new region's database, so that it takes writes in the next epoch. The terms are an
 * argument because a promotion without a proof must not be expressible (A1).
 *
 * Its guard may have renounced this run's token (the fence's deadline passed and the old side
 * opened again). Then the promotion cannot happen any more, and the run turns back.
 */
export function promote(options: {
  to: DatabaseSide;
  /** The standby as an earlier step has just seen it. Default: not seen yet. */
  seen?: Standby;
  terms: (context: StepContext) => Promise<PromotionTerms>;
  title?: string;
}): Step<'promote'> {
  const { to, seen = new Standby(to) } = options;
  return {
    name: 'promote',
    title: options.title ?? `Make ${to.region}'s database the primary`,
    waits: 'machine',
    timeoutMs: commandTimeoutMs,
    pollMs: positionPollMs,
    noReturn: true,
    turnsBack: ({ code }) => turnsBack.has(code),
    settle: (context) => settle(to, context),
    undo: { none: 'a promotion cannot be taken back; a switchover home is a run of its own' },
    observe: ({ run }) =>
      look(async () => {
        const { promotion, role, accepted } = await seen.look();
        const next = run.epoch + 1;
        if (promotion !== null && promotion.epoch > next) {
          return refused(
            replicationErrors.make(
              'promoted-since',
              `${to.region} was promoted in epoch ${promotion.epoch}, after this run's epoch ${next}`,
              { promotion },
            ),
          );
        }
        // A promotion by hand did not wait for missing writes: to continue as if it were the run's
        // own would discard the writes that it lost.
        if (promotion?.epoch === next && accepted?.epoch !== next) {
          return refused(
            replicationErrors.make(
              'promoted-by-hand',
              `${to.region} was promoted by hand, and its guard has adopted that as epoch ${next}`,
              { promotion },
            ),
          );
        }
        // The guard brings it to its end by itself; steps before it would be too late.
        if (accepted?.epoch === next && accepted.token < run.token && promotion?.epoch !== next) {
          throw replicationErrors.make(
            'promotion-under-way',
            `${to.region}'s guard has accepted the promotion of an earlier controller, and has not ended it yet`,
            { accepted },
          );
        }
        return role === 'primary' && promotion?.epoch === next
          ? done({ ...promotion })
          : pending({ role });
      }),
    act: async (context) => {
      const { run } = context;
      const terms = await options.terms(context);
      await to.promote({ ...commandOf(run), epoch: run.epoch + 1, ...terms });
    },
  };
}

/**
 * Returns the final result of a promotion that was requested and whose outcome is unknown, as the
 * guard tells it. A promotion by hand that the guard adopted does not belong to the run.
 */
async function settle(to: DatabaseSide, { run, clock }: StepContext) {
  const answer = await within(clock, guardPatienceMs, to.renounce(commandOf(run)));
  if (answer === noAnswer) return 'unknown';
  if (answer.kind === 'renounced') return 'never';
  const { accepted } = await to.status();
  return accepted?.epoch === answer.epoch ? 'happened' : 'never';
}

/**
 * Returns the terms of a switchover's promotion: this controller's proof, with all writes up to it
 * in the new region, as `catch-up` has seen.
 */
export function caughtUpTerms({ writer }: { writer: OldWriter }): () => Promise<PromotionTerms> {
  return async () => ({ proof: writer.confirmed, lossy: null });
}

async function received(
  to: DatabaseSide,
  position: Parameters<typeof covers>[1],
  { clock, signal }: StepContext,
): Promise<void> {
  for (;;) {
    const status = await to.status();
    if (status.received !== null && covers(status.received, position)) return;
    await clock.sleep(positionPollMs, signal);
  }
}

/**
 * Returns the terms of a failover's promotion. The proof is the old side's own answer if it
 * answers, otherwise the end of its lease (strict mode), otherwise the name of the person who took
 * the risk. Nothing counts as missing only if `catch-up` saw that.
 */
export function failoverTerms(options: {
  store: Store;
  to: DatabaseSide;
  writer: OldWriter;
  strict: boolean;
  consent: Consent;
}): (context: StepContext) => Promise<PromotionTerms> {
  const { store, to, writer, strict, consent } = options;
  const unknownCluster = consent.overrides.includes(unknownClusterOverride);
  const terms = async (context: StepContext): Promise<PromotionTerms> => {
    const { complete, exposure, sequenceAdvance: by } = remainderOf(context);
    const confirmed = writer.proof;
    const same = confirmed !== null && caughtUp.of(context)?.position === confirmed.position;
    // It was closed at a position that the new side cannot get any more. Commits were synchronous,
    // so nothing that is missing was acknowledged.
    const unacknowledged = same && exposure.kind === 'none' && exposure.why === 'synchronous';
    const everything = confirmed !== null && complete && !unacknowledged;
    // Ids of transactions that were never acknowledged may be missing too, and may be known outside.
    const lossy = everything ? null : { sequenceAdvance: by };
    if (everything) {
      // The answer came after `catch-up` had ended without it. The run waits for that position and
      // never gives it up here.
      if (!same) await received(to, confirmed.position, context);
      return { proof: confirmed, lossy };
    }
    // A guard accepts a confirmed proof only if it has everything up to the proof's position. A
    // person accepted the loss of the rest, within the bound or beyond it.
    if (confirmed !== null && !strict) {
      const why = `it was closed at ${confirmed.position} and does not answer any more; what is missing up to there was ${unacknowledged ? 'never acknowledged' : 'accepted'}`;
      return { proof: overridden(consent, context, why), lossy };
    }
    switch (withoutAnswer(strict, consent)) {
      case 'lease-expiry':
        return { proof: await expired(store, context), lossy };
      case 'override':
        return { proof: overridden(consent, context, mayWriteOn), lossy };
      case 'nothing':
        throw fenceNotPossible(writer.region, {
          stopped: fenced.of(context)?.stopped === true,
        });
    }
  };
  return async (context) => ({
    ...(await terms(context)),
    ...(unknownCluster ? { unknownCluster } : {}),
  });
}

async function expired(store: Store, context: StepContext): Promise<FenceProof> {
  for (;;) {
    const answer = await expiry(store, context);
    if (answer.kind === 'proved') return answer.proof;
    await context.clock.sleep(Math.min(answer.leftMs, 1_000), context.signal);
  }
}

const mayWriteOn = 'override two-writers; it was not closed, and may go on writing';

function overridden(consent: Consent, { run }: StepContext, why: string): FenceProof {
  return { kind: 'overridden', by: consent.by, reason: `run ${run.runId}: ${run.from}: ${why}` };
}

/** Returns the promotion that this run made, from the journal. */
export function ownPromotion(context: StepContext): Promotion {
  const promotion = promoted.of(context);
  if (promotion !== null) return promotion;
  throw new Error('the journal has no promotion: the steps are out of order');
}

/**
 * Returns the newest promotion of the active region. Error `nothing-to-follow` if it is no primary
 * or was never promoted.
 */
export async function newestPromotion(active: DatabaseSide): Promise<Promotion> {
  const { promotion, role } = await active.status();
  if (promotion !== null && role === 'primary') return promotion;
  throw replicationErrors.make(
    'nothing-to-follow',
    `${active.region}'s database is ${role} and records no promotion: there is no timeline to follow`,
    { role },
  );
}
