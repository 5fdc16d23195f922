import {
  type Attachment,
  commandOf,
  type DatabaseSide,
  type Promotion,
} from '../authority/authority.ts';
import { type Evidence, isThrowoverError } from '../kernel/kernel.ts';
import { done, look, Patience, pending, type Step, type StepContext } from '../runbook/runbook.ts';
import type { Store } from '../store/store.ts';
import type { Consent } from './consent.ts';
import type { OldWriter } from './old-writer.ts';
import { keepLosses, withoutLedger } from './salvage.ts';
import { commandTimeoutMs, positionPollMs, unseenPatienceMs } from './timings.ts';

/** Stops the old primary before its background processes write past the switch position. */
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
      await options.from.stop(commandOf(run));
    },
  };
}

/**
 * Closes a returned region to the application, whatever state it reports, because another region is
 * active. It stays closed if the run ends early.
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

/**
 * Makes the old primary follow the new one; the proof is the promotion's own row, read on the old
 * side. If its log goes on past the switch position, those writes are first written to the ledger,
 * because attaching discards them.
 */
export function attach(options: {
  old: DatabaseSide;
  upstream: string;
  timeoutMs: number;
  /**
   * The ledger for writes past the switch position. Absent: an earlier step has written them down.
   */
  ledger?: { readonly store: Store; readonly consent: Consent };
  /** The promotion of the region that it follows. */
  promotion: (context: StepContext) => Promise<Promotion>;
}): Step<'attach-old'> {
  const { old, upstream, ledger } = options;
  let kept: Evidence = {};
  let unavailable: string | null = null;
  return {
    name: 'attach-old',
    title: `Attach ${old.region}'s database as a standby of ${upstream}`,
    waits: 'machine',
    timeoutMs: options.timeoutMs,
    pollMs: 20,
    undo: { none: 'a standby takes no writes, and the way back is a run of its own' },
    observe: (context) =>
      look(async () => {
        if (ledger !== undefined && unavailable !== null) {
          const without = withoutLedger(old.region, unavailable, ledger.consent);
          if (without.state !== 'done') return without;
        }
        const { epoch } = await options.promotion(context);
        const status = await old.status();
        const follows =
          status.role === 'standby' && status.streaming && status.promotion?.epoch === epoch;
        return follows
          ? done({ ...attachmentEvidence(status.attachment), ...kept })
          : pending({ role: status.role, streaming: status.streaming });
      }),
    act: async (context) => {
      const promotion = await options.promotion(context);
      const { epoch } = promotion;
      const attachIt = async (discards: boolean) => {
        const command = { ...commandOf(context.run), epoch, upstream, promotion, discards };
        await old.attach(command);
      };
      if (ledger === undefined) return attachIt(true);
      try {
        await attachIt(false);
      } catch (error) {
        if (!isThrowoverError(error, 'unread-writes')) throw error;
        const { store, consent } = ledger;
        const losses = { returned: old, store, promotion: async () => promotion };
        const salvaged = await keepLosses(context, losses);
        if ('found' in salvaged) kept = { salvaged: salvaged.found };
        else {
          // No other writer was seen there, and no row: the log beyond the switch position comes
          // from the server itself.
          const wrote = salvaged.some || (await old.status()).reopened !== null;
          const why = salvaged.unavailable;
          unavailable = wrote ? why : null;
          if (wrote && withoutLedger(old.region, why, consent).state !== 'done') return;
          kept = { salvaged: { unavailable: why } };
        }
        await attachIt(true);
      }
    },
  };
}

function attachmentEvidence(attachment: Attachment | null): Evidence {
  return attachment === null ? {} : { way: attachment.way, bytesCopied: attachment.bytesCopied };
}
