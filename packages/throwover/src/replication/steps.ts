import { bytesOf, isPosition, type Position, timelineOf } from '@throwover/client';
import type { FenceProof } from '../authority/fence-proof.ts';
import type { Evidence } from '../kernel/kernel.ts';
import { done, evidenceOf, look, pending, refused } from '../runbook/observe.ts';
import type { Step, StepContext } from '../runbook/step.ts';
import type { Attachment, DatabaseSide, DatabaseStatus, Promotion } from './database.ts';
import { replicationErrors } from './errors.ts';

/** Time between two looks at a position, ms: below the round trip of one region pair, so it adds nothing. */
const positionPollMs = 5;

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

/** The application can no longer write in the old region, and everything it wrote is below a known position (A1). */
export function fence(options: { from: DatabaseSide; openTransactionsMs: number }): Step {
  return {
    name: 'fence',
    title: `Close ${options.from.region}'s database to the application`,
    waits: 'machine',
    timeoutMs: commandTimeoutMs,
    pollMs: positionPollMs,
    undo: async ({ run }) => {
      await options.from.unfence(run.token);
    },
    observe: ({ run }) =>
      look(async () => {
        const status = await options.from.status();
        if (status.role !== 'primary') return refused(notPrimary(status));
        if (!status.fenced || status.sessions > 0 || status.position === null) {
          return pending({ fenced: status.fenced, sessions: status.sessions });
        }
        // Read after the door was seen closed and empty: an upper bound of all that was acknowledged.
        return done({ region: status.region, position: status.position, token: run.token });
      }),
    act: async ({ run }) => {
      await options.from.fence({
        token: run.token,
        openTransactionsMs: options.openTransactionsMs,
      });
    },
  };
}

/** The standby has on disk everything that the old primary acknowledged (A2). */
export function catchUp(options: { to: DatabaseSide }): Step {
  return {
    name: 'catch-up',
    title: `Wait until ${options.to.region} has everything that was written`,
    waits: 'machine',
    timeoutMs: 10_000,
    pollMs: positionPollMs,
    undo: { none: 'nothing was changed' },
    observe: (context) =>
      look(async () => {
        const { position } = confirmedProof(context);
        const status = await options.to.status();
        if (status.role === 'primary') return done({ role: 'primary', position });
        const evidence = { received: status.received, position };
        return status.received !== null && covers(status.received, position)
          ? done(evidence)
          : pending(evidence);
      }),
    act: async () => {},
  };
}

/**
 * The new region's database takes writes, in the next epoch.
 * `proof` is an argument because a promotion without one must not be expressible (A1).
 */
export function promote(options: {
  to: DatabaseSide;
  proof: (context: StepContext) => FenceProof;
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
        proof: options.proof(context),
      });
    },
  };
}

/** The old primary is down before its background processes write past the switch position. */
export function stopOld(options: { from: DatabaseSide }): Step {
  return {
    name: 'stop-old',
    title: `Stop ${options.from.region}'s database where its log ends`,
    waits: 'machine',
    timeoutMs: commandTimeoutMs,
    pollMs: positionPollMs,
    undo: { none: 'comes after the point of no return' },
    observe: () =>
      look(async () => {
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

/** The proof that the step `fence` of this run left in the journal. */
export function confirmedProof(context: StepContext): FenceProof & { kind: 'confirmed' } {
  const { region, position, token } = evidenceOf(context, 'fence');
  if (typeof region !== 'string' || !isPosition(position) || typeof token !== 'number') {
    throw new Error('the journal has no fence proof: the steps are out of order');
  }
  return { kind: 'confirmed', region, position, token };
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

function notPrimary(status: DatabaseStatus) {
  return replicationErrors.make(
    'not-the-primary',
    `${status.region}'s database is ${status.role}, not the primary`,
    { role: status.role },
  );
}
