import { bytesOf, isPosition, type Position, timelineOf } from '@throwover/client';
import type { FenceProof } from '../authority/fence-proof.ts';
import type { Evidence } from '../kernel/kernel.ts';
import { done, evidenceOf, look, Patience, pending, refused } from '../runbook/observe.ts';
import type { Step, StepContext } from '../runbook/step.ts';
import type { Attachment, DatabaseSide, Promotion } from './database.ts';
import { replicationErrors } from './errors.ts';

/** Time between two looks at a position, ms: below the round trip of one region pair, so it adds nothing. */
const positionPollMs = 5;

/**
 * A region that has died after the promotion must not keep the traffic from moving: after this long
 * without an answer the step goes on without it, ms. Three round trips of the slowest status.
 */
const unseenPatienceMs = 6_000;

/** Longest time a command to the process beside a database may take, ms; its own deadline is 15 s. */
const commandTimeoutMs = 30_000;

/**
 * The standby is close enough behind for a short promotion. Waits, changes nothing.
 * Prevents a promotion that replays minutes of log while nobody can write.
 */
export function waitForLag(options: {
  from: DatabaseSide;
  boundMs: number;
  timeoutMs: number;
}): Step {
  return {
    name: 'wait-for-lag',
    title: `Wait until the standby is at most ${options.boundMs} ms behind`,
    waits: 'machine',
    timeoutMs: options.timeoutMs,
    pollMs: 20,
    undo: { none: 'nothing was changed' },
    observe: (context) =>
      look(async () => {
        const { standby } = await options.from.status();
        if (standby === null) return pending({ standby: 'not attached' });
        const evidence = {
          lagMs: standby.lagMs,
          lagBytes: standby.lagBytes,
          boundMs: options.boundMs,
        };
        context.progress(
          standby.lagMs === null
            ? 'lag not known yet'
            : `standby ${Math.round(standby.lagMs)} ms behind`,
        );
        return standby.lagMs !== null && standby.lagMs <= options.boundMs
          ? done(evidence)
          : pending(evidence);
      }),
    act: async () => {},
  };
}

/** A recent checkpoint stands in the old primary's log, so that its restart as a standby is short. */
export function checkpoint(options: { from: DatabaseSide }): Step {
  let written = false;
  return {
    name: 'checkpoint',
    title: `Write a checkpoint in ${options.from.region}, so that its later restart is short`,
    waits: 'machine',
    timeoutMs: commandTimeoutMs,
    pollMs: positionPollMs,
    undo: { none: 'a checkpoint changes no data' },
    observe: async () => (written ? done({}) : pending({})),
    act: async ({ run }) => {
      await options.from.checkpoint(run.token);
      written = true;
    },
  };
}

/**
 * The old writer, and the proof that this controller has of its fence.
 *
 * A proof is believed only by the controller that got it: between a crash and a resume somebody may
 * have opened the door again, and an old position would then lose what was written since. So a
 * controller that took the run over fences again, which changes nothing when the fence still stands.
 */
export class OldWriter {
  readonly #from: DatabaseSide;
  readonly #openTransactionsMs: number;
  #proof: ConfirmedProof | null = null;

  constructor(options: { from: DatabaseSide; openTransactionsMs: number }) {
    this.#from = options.from;
    this.#openTransactionsMs = options.openTransactionsMs;
  }

  get region(): string {
    return this.#from.region;
  }

  /** Null until this controller has fenced. */
  get proof(): ConfirmedProof | null {
    return this.#proof;
  }

  async fence({ run }: StepContext): Promise<ConfirmedProof> {
    const openTransactionsMs = this.#openTransactionsMs;
    const proof = await this.#from.fence({ token: run.token, openTransactionsMs });
    this.#proof = proof;
    return proof;
  }

  async unfence({ run }: StepContext): Promise<void> {
    this.#proof = null;
    await this.#from.unfence(run.token);
  }

  /** The proof of this controller: its own from the journal, or a new one after a takeover. */
  async confirmed(context: StepContext): Promise<ConfirmedProof> {
    this.#proof ??= journaledProof(context);
    return this.#proof ?? (await this.fence(context));
  }
}

type ConfirmedProof = FenceProof & { readonly kind: 'confirmed' };

/** The application can no longer write in the old region, and everything it wrote is below a known position (A1). */
export function fence(writer: OldWriter): Step {
  return {
    name: 'fence',
    title: `Close ${writer.region}'s database to the application`,
    waits: 'machine',
    timeoutMs: commandTimeoutMs,
    pollMs: positionPollMs,
    undo: (context) => writer.unfence(context),
    // What fence() answered is the evidence: it was read after the door was seen closed and empty.
    observe: async () => (writer.proof === null ? pending({}) : done({ ...writer.proof })),
    act: async (context) => {
      await writer.fence(context);
    },
  };
}

/** The standby has on disk everything that the old primary acknowledged (A2). */
export function catchUp(options: { to: DatabaseSide; writer: OldWriter }): Step {
  return {
    name: 'catch-up',
    title: `Wait until ${options.to.region} has everything that was written`,
    waits: 'machine',
    timeoutMs: 10_000,
    pollMs: positionPollMs,
    undo: { none: 'nothing was changed' },
    observe: (context) =>
      look(async () => {
        const status = await options.to.status();
        if (status.role === 'primary') return done({ role: 'primary' });
        const { position } = await options.writer.confirmed(context);
        const evidence = { received: status.received, position };
        return status.received !== null && covers(status.received, position)
          ? done(evidence)
          : pending(evidence);
      }),
    act: async () => {},
  };
}

/**
 * What a switchover's promotion takes: this controller's proof, with all of it in the new region.
 * `catch-up` has seen that for the proof it knew; a proof from after a takeover is waited for here.
 */
export function caughtUpProof(options: {
  to: DatabaseSide;
  writer: OldWriter;
}): (context: StepContext) => Promise<FenceProof> {
  return async (context) => {
    const proof = await options.writer.confirmed(context);
    if (evidenceOf(context, 'catch-up')['position'] === proof.position) return proof;
    for (;;) {
      const { received } = await options.to.status();
      if (received !== null && covers(received, proof.position)) return proof;
      await context.clock.sleep(positionPollMs, context.signal);
    }
  };
}

/**
 * The new region's database takes writes, in the next epoch.
 * `proof` is an argument because a promotion without one must not be expressible (A1).
 */
export function promote(options: {
  to: DatabaseSide;
  proof: (context: StepContext) => Promise<FenceProof>;
}): Step {
  return {
    name: 'promote',
    title: `Make ${options.to.region}'s database the primary`,
    waits: 'machine',
    timeoutMs: commandTimeoutMs,
    pollMs: positionPollMs,
    noReturn: true,
    undo: { none: 'a promotion cannot be taken back; a switchover home is a run of its own' },
    observe: ({ run }) =>
      look(async () => {
        const { promotion, role } = await options.to.status();
        const next = run.epoch + 1;
        if (promotion !== null && promotion.epoch > next) {
          return refused(
            replicationErrors.make(
              'promoted-since',
              `${options.to.region} was promoted in epoch ${promotion.epoch}, after this run's epoch ${next}`,
              { promotion },
            ),
          );
        }
        return role === 'primary' && promotion?.epoch === next
          ? done({ ...promotion })
          : pending({ role });
      }),
    act: async (context) => {
      await options.to.promote({
        token: context.run.token,
        epoch: context.run.epoch + 1,
        proof: await options.proof(context),
      });
    },
  };
}

/** The old primary is down before its background processes write past the switch position. */
export function stopOld(options: { from: DatabaseSide }): Step {
  const patience = new Patience(unseenPatienceMs);
  return {
    name: 'stop-old',
    title: `Stop ${options.from.region}'s database where its log ends`,
    waits: 'machine',
    timeoutMs: commandTimeoutMs,
    pollMs: positionPollMs,
    undo: { none: 'comes after the point of no return' },
    observe: ({ clock }) =>
      patience.look(clock, async () => {
        const { role } = await options.from.status();
        return role === 'primary' ? pending({ role }) : done({ role });
      }),
    act: async ({ run }) => {
      await options.from.stop(run.token);
    },
  };
}

/** The old primary follows the new one, proved by the promotion's own row read on the old side. */
export function attach(options: { from: DatabaseSide; upstream: string; timeoutMs: number }): Step {
  return {
    name: 'attach-old',
    title: `Attach ${options.from.region}'s database as a standby of ${options.upstream}`,
    waits: 'machine',
    timeoutMs: options.timeoutMs,
    pollMs: 20,
    undo: { none: 'comes after the point of no return' },
    observe: ({ run }) =>
      look(async () => {
        const status = await options.from.status();
        const follows =
          status.role === 'standby' &&
          status.streaming &&
          status.promotion?.epoch === run.epoch + 1;
        return follows
          ? done(attachmentEvidence(status.attachment))
          : pending({ role: status.role, streaming: status.streaming });
      }),
    act: async (context) => {
      await options.from.attach({
        token: context.run.token,
        epoch: context.run.epoch + 1,
        upstream: options.upstream,
        promotion: promotionOf(context),
      });
    },
  };
}

/** The proof that this controller journaled; null when another one did, or none. */
function journaledProof(context: StepContext): ConfirmedProof | null {
  const { region, position, token } = evidenceOf(context, 'fence');
  if (typeof region !== 'string' || !isPosition(position) || token !== context.run.token)
    return null;
  return { kind: 'confirmed', region, position, token: context.run.token };
}

/** `received` holds all of `position`: same timeline or a later one that began after it, and as many bytes. */
function covers(received: Position, position: Position): boolean {
  return timelineOf(received) >= timelineOf(position) && bytesOf(received) >= bytesOf(position);
}

function promotionOf(context: StepContext): Promotion {
  const { epoch, region, timeline, switchPosition } = evidenceOf(context, 'promote');
  if (
    typeof epoch !== 'number' ||
    typeof region !== 'string' ||
    typeof timeline !== 'number' ||
    !isPosition(switchPosition)
  ) {
    throw new Error('the journal has no promotion: the steps are out of order');
  }
  return { epoch, region, timeline, switchPosition };
}

function attachmentEvidence(attachment: Attachment | null): Evidence {
  return attachment === null ? {} : { way: attachment.way, bytesCopied: attachment.bytesCopied };
}
