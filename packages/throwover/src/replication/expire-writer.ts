import { commandOf, type DatabaseSide, type ExpiredLease } from '../authority/authority.ts';
import { done, look, pending, type Step, type StepContext } from '../runbook/runbook.ts';
import type { Store } from '../store/store.ts';
import type { OldWriter } from './old-writer.ts';

/**
 * Longest wait for the end of a writer's lease, ms: the longest lease that a store grants, counted
 * from the beginning after a restart of the store, with reserve.
 */
const expiryTimeoutMs = 120_000;

/**
 * Pause between two questions to the store, ms: shorter than a person notices, longer than a
 * question takes.
 */
const expiryPollMs = 50;

/**
 * Strict mode: waits until the old writer cannot hold a lease (A1). The store grants it no new
 * lease, and its last lease has ended by the store's clock. The new side's guard gives it no new
 * promise, and the promises given have ended too. Before that, the loss of a promotion cannot be
 * known, because the old side goes on writing. With a confirmed fence the wait is not needed. Undo:
 * grants are allowed again.
 */
export function expireWriter(options: {
  store: Store;
  writer: OldWriter;
  to: DatabaseSide;
}): Step<'expire-writer'> {
  const { store, writer, to } = options;
  const promised = async ({ run }: StepContext) => (await to.endPromises(commandOf(run))).leftMs;
  return {
    name: 'expire-writer',
    title: `Wait until ${writer.region}'s lease to write has ended`,
    waits: 'machine',
    timeoutMs: expiryTimeoutMs,
    pollMs: expiryPollMs,
    holdsForController: true,
    undo: async ({ run: { service, runId, token } }) => {
      await store.restoreWriter({ service, runId, token });
    },
    observe: (context) =>
      look(async () => {
        if (writer.proof !== null) return done({ notNeeded: 'the fence was confirmed' });
        // The first question stops the grants, so it belongs in `act`, after the journaled intent.
        if (context.before === null) return pending({ asked: false });
        const [answer, promisedMs] = await Promise.all([expiry(store, context), promised(context)]);
        if (answer.kind === 'proved' && promisedMs === 0) return done({ ...answer.proof });
        const leftMs = Math.max(promisedMs, answer.kind === 'proved' ? 0 : answer.leftMs);
        context.progress(`${Math.ceil(leftMs / 1_000)} s until it has ended`);
        return pending({ asked: true, leftMs: Math.round(leftMs) });
      }),
    act: async (context) => {
      await Promise.all([expiry(store, context), promised(context)]);
    },
  };
}

type Expiry =
  | { readonly kind: 'proved'; readonly proof: ExpiredLease }
  | { readonly kind: 'waiting'; readonly leftMs: number };

/**
 * Stops the grants and returns whether the lease has ended; the proof is valid for this
 * controller's token.
 */
export async function expiry(store: Store, { run }: StepContext): Promise<Expiry> {
  const { service, runId, token } = run;
  const answer = await store.expireWriter({ service, runId, token });
  const { expiresInMs, region, epoch, leaseMs, driftBound, waitedMs } = answer;
  if (expiresInMs > 0) return { kind: 'waiting', leftMs: expiresInMs };
  const proof = { kind: 'expired', region, epoch, token, leaseMs, driftBound, waitedMs } as const;
  return { kind: 'proved', proof };
}
