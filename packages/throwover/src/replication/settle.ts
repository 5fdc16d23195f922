import type { Attachment, DatabaseSide, Promotion } from '../authority/database-side.ts';
import type { Evidence } from '../kernel/kernel.ts';
import { done, look, Patience, pending } from '../runbook/observe.ts';
import type { Step, StepContext } from '../runbook/step.ts';
import type { OldWriter } from './old-writer.ts';
import { commandTimeoutMs, positionPollMs, unseenPatienceMs } from './timings.ts';

/** The old primary is down before its background processes write past the switch position. */
export function stopOld(options: { from: DatabaseSide }): Step<'stop-old'> {
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

/**
 * A region that is back is closed to the application, whatever it thinks of itself: another one is
 * active. It stays closed when the run ends early.
 */
export function closeReturned(options: {
  returned: DatabaseSide;
  writer: OldWriter;
}): Step<'close-returned'> {
  const { returned, writer } = options;
  return {
    name: 'close-returned',
    title: `Close ${returned.region}'s database to the application, for as long as another region is active`,
    waits: 'machine',
    timeoutMs: commandTimeoutMs,
    pollMs: positionPollMs,
    undo: { none: `${returned.region} must not take writes: another region is active` },
    observe: () =>
      look(async () => {
        const { role, closed, sessions } = await returned.status();
        if (role !== 'primary') return done({ role });
        return writer.proof === null
          ? pending({ role, closed, sessions })
          : done({ ...writer.proof });
      }),
    act: async (context) => {
      await writer.fence(context);
    },
  };
}

/** The old primary follows the new one, proved by the promotion's own row read on the old side. */
export function attach(options: {
  old: DatabaseSide;
  upstream: string;
  timeoutMs: number;
  /** Of the region that it follows. */
  promotion: (context: StepContext) => Promise<Promotion>;
}): Step<'attach-old'> {
  const { old, upstream } = options;
  return {
    name: 'attach-old',
    title: `Attach ${old.region}'s database as a standby of ${upstream}`,
    waits: 'machine',
    timeoutMs: options.timeoutMs,
    pollMs: 20,
    undo: { none: 'a standby takes no writes, and the way back is a run of its own' },
    observe: (context) =>
      look(async () => {
        const { epoch } = await options.promotion(context);
        const status = await old.status();
        const follows =
          status.role === 'standby' && status.streaming && status.promotion?.epoch === epoch;
        return follows
          ? done(attachmentEvidence(status.attachment))
          : pending({ role: status.role, streaming: status.streaming });
      }),
    act: async (context) => {
      const promotion = await options.promotion(context);
      const { token } = context.run;
      await old.attach({ token, epoch: promotion.epoch, upstream, promotion });
    },
  };
}

function attachmentEvidence(attachment: Attachment | null): Evidence {
  return attachment === null ? {} : { way: attachment.way, bytesCopied: attachment.bytesCopied };
}
