import { isPosition } from '@throwover/client';
import type { DatabaseSide, Promotion } from '../authority/database-side.ts';
import type { FenceProof } from '../authority/fence-proof.ts';
import { noAnswer, within } from '../kernel/kernel.ts';
import { done, evidenceOf, look, pending, refused } from '../runbook/observe.ts';
import type { Step, StepContext } from '../runbook/step.ts';
import type { Store } from '../store/store.ts';
import { covers, remainderOf } from './catch-up.ts';
import type { Consent } from './consent.ts';
import { replicationErrors } from './errors.ts';
import { expiry } from './expire-writer.ts';
import { fenceNotPossible, withoutAnswer } from './fence.ts';
import type { OldWriter } from './old-writer.ts';
import { Standby } from './standby.ts';
import { commandTimeoutMs, guardPatienceMs, positionPollMs } from './timings.ts';

/** How a promotion goes: with which proof, and whether writes may be missing. */
export interface PromotionTerms {
  readonly proof: FenceProof;
  readonly lossy: { readonly sequenceAdvance: number } | null;
}

/**
 * The new region's database takes writes, in the next epoch.
 * The terms are an argument because a promotion without a proof must not be expressible (A1).
 *
 * Its guard may have given up on this run's token (the fence's deadline passed and the old side opened
 * again): then it can happen no more, and the run turns back.
 */
export function promote(options: {
  to: DatabaseSide;
  /** Who has just looked at it; left out: nobody. */
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
    turnsBack: ({ code }) => code === 'token-renounced' || code === 'promoted-by-hand',
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
        // A hand's promotion waited for nothing: to go on as if it were ours would throw away what it lost.
        if (promotion?.epoch === next && accepted?.epoch !== next) {
          return refused(
            replicationErrors.make(
              'promoted-by-hand',
              `${to.region} was promoted by hand, and its guard has adopted that as epoch ${next}`,
              { promotion },
            ),
          );
        }
        return role === 'primary' && promotion?.epoch === next
          ? done({ ...promotion })
          : pending({ role });
      }),
    act: async (context) => {
      const { token, epoch } = context.run;
      await to.promote({ token, epoch: epoch + 1, ...(await options.terms(context)) });
    },
  };
}

/**
 * What became of a promotion that was asked for and whose outcome nobody knows: the guard's word, for
 * good. One that it adopted from a person's hand is not the run's.
 */
async function settle(to: DatabaseSide, { run, clock }: StepContext) {
  const answer = await within(clock, guardPatienceMs, to.renounce(run.token));
  if (answer === noAnswer) return 'unknown';
  if (answer.kind === 'renounced') return 'never';
  const { accepted } = await to.status();
  return accepted?.epoch === answer.epoch ? 'happened' : 'never';
}

/**
 * What a switchover's promotion takes: this controller's proof, with all of it in the new region.
 * `catch-up` has seen that for the proof it knew; a proof from after a takeover is waited for here.
 */
export function caughtUpTerms(options: {
  to: DatabaseSide;
  writer: OldWriter;
}): (context: StepContext) => Promise<PromotionTerms> {
  return async (context) => {
    const proof = await options.writer.confirmed(context);
    if (evidenceOf(context, 'catch-up')['position'] !== proof.position) {
      await received(options.to, proof.position, context);
    }
    return { proof, lossy: null };
  };
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
 * What a failover's promotion takes: the old side's own word when it answers, else the end of its lease
 * (strict), else the name of the person who took the risk. Nothing is missing only if `catch-up` saw it.
 */
export function failoverTerms(options: {
  store: Store;
  to: DatabaseSide;
  writer: OldWriter;
  strict: boolean;
  consent: Consent;
}): (context: StepContext) => Promise<PromotionTerms> {
  const { store, to, writer, strict, consent } = options;
  return async (context) => {
    const { complete, sequenceAdvance: by } = remainderOf(context);
    const confirmed = writer.known(context) ?? (await fencedAgain(writer, context));
    // Without its own last position the old side may have committed what it acknowledged to nobody: no
    // acknowledged write is missing then, but ids that it gave out are.
    const lossy = complete && confirmed !== null ? null : { sequenceAdvance: by };
    if (confirmed !== null && complete) {
      const same = evidenceOf(context, 'catch-up')['position'] === confirmed.position;
      // Read after a takeover it may be past what `catch-up` saw; that is waited for, never given up on here.
      if (!same) await received(to, confirmed.position, context);
      return { proof: confirmed, lossy };
    }
    // A guard takes a confirmed proof only with everything up to its position: what is given up was
    // accepted by a person, within the bound or beyond it.
    if (confirmed !== null && !strict) {
      const why = `it was closed at ${confirmed.position} and does not answer any more; what is missing up to there was accepted`;
      return { proof: overridden(consent, context, why), lossy };
    }
    switch (withoutAnswer(strict, consent)) {
      case 'lease-expiry':
        return { proof: await expired(store, context), lossy };
      case 'override':
        return { proof: overridden(consent, context, mayWriteOn), lossy };
      case 'nothing':
        throw fenceNotPossible(writer.region, {});
    }
  };
}

/** A controller that took the run over asks the old side anew, unless the one before it had no answer either. */
async function fencedAgain(writer: OldWriter, context: StepContext) {
  if (evidenceOf(context, 'fence')['kind'] !== 'confirmed') return null;
  const answer = await writer.fenceIfAnswering(context);
  return answer === noAnswer ? null : answer;
}

async function expired(store: Store, context: StepContext): Promise<FenceProof> {
  for (;;) {
    const answer = await expiry(store, context);
    if (answer.kind === 'proved') return answer.proof;
    await context.clock.sleep(Math.min(answer.leftMs, 1_000), context.signal);
  }
}

const mayWriteOn = 'override two-writers; it did not answer, and may go on writing';

function overridden(consent: Consent, { run }: StepContext, why: string): FenceProof {
  return { kind: 'overridden', by: consent.by, reason: `run ${run.runId}: ${run.from}: ${why}` };
}

/** The promotion that this run made, from the journal. */
export function ownPromotion(context: StepContext): Promotion {
  const { epoch, region, timeline, switchPosition, nextXid } = evidenceOf(context, 'promote');
  if (
    typeof epoch !== 'number' ||
    typeof region !== 'string' ||
    typeof timeline !== 'number' ||
    !isPosition(switchPosition)
  ) {
    throw new Error('the journal has no promotion: the steps are out of order');
  }
  return {
    epoch,
    region,
    timeline,
    switchPosition,
    nextXid: typeof nextXid === 'string' ? nextXid : null,
  };
}

/** A region that is past asking still may answer with its newest promotion; null when it was never promoted. */
export async function newestPromotion(active: DatabaseSide): Promise<Promotion> {
  const { promotion, role } = await active.status();
  if (promotion !== null && role === 'primary') return promotion;
  throw replicationErrors.make(
    'nothing-to-follow',
    `${active.region}'s database is ${role} and records no promotion: there is no timeline to follow`,
    { role },
  );
}
