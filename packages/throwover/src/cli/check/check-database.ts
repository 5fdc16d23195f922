import {
  type Closed,
  type DatabaseStatus,
  type ExpectedGuard,
  strangerAt,
  unconfirmedAt,
} from '../../authority/authority.ts';
import { assertNever } from '../../kernel/kernel.ts';
import type { ServiceState } from '../../store/store.ts';
import { highestSeen } from '../run/renumber.ts';

/**
 * Returns the faults in one database's status that would keep a switch from working, or that are an
 * outage already; each with its remedy. `active`: the region that the store names, or `null` when
 * the store does not answer.
 */
export function databaseFaults(status: DatabaseStatus, active: string | null): readonly string[] {
  if (active === null) return [];
  return status.region === active ? writerFaults(status) : standbyFaults(status, active);
}

function writerFaults(status: DatabaseStatus): readonly string[] {
  const { region, role, closed, standby, leaseLeftMs } = status;
  if (role !== 'primary') {
    return [
      `NO WRITER: the store says that ${region} is active and its database is ${role === 'standby' ? 'a standby' : 'stopped'}; if the other side was promoted by hand its guard tells the store within a lease, else \`throwover failover\``,
    ];
  }
  return [
    ...(closed === null
      ? []
      : [
          `the application cannot write; carry the open run on or take it back, else see the log of ${region}'s guard for why it does not open`,
        ]),
    ...(closed === null && leaseLeftMs === 0
      ? [
          `TAKES NO WRITES: ${region}'s guard holds no lease, which \`writerFence: strict\` needs; it asks the store and the other guard for one, so see that they answer it. A new service gets its first lease within a second of the first check: check again`,
        ]
      : []),
    ...(standby === null
      ? [
          `NO STANDBY: nothing receives from ${region} as the standby that its guard knows, so a switch would wait for ever; see whether the other database runs, and its primary_conninfo and application_name`,
        ]
      : []),
  ];
}

function standbyFaults(
  { region, role, streaming }: DatabaseStatus,
  active: string,
): readonly string[] {
  switch (role) {
    case 'primary':
      return [
        `NO STANDBY: ${region}'s database is a primary beside ${active}'s; if people promoted it by hand and want it, let its guard reach the store or the other guard, which adopts that; else \`throwover rejoin\` makes it a standby, after it has written down what it alone has`,
      ];
    case 'stopped':
      return [
        `NO STANDBY: ${region}'s database is stopped; start it, or \`throwover rejoin\` when it was the active one before`,
      ];
    case 'standby':
      return streaming
        ? []
        : [
            `RECEIVES NOTHING: ${region} is a standby without a stream from ${active}, so a switch would wait for ever; see its primary_conninfo, and PostgreSQL's log there`,
          ];
    default:
      return assertNever(role);
  }
}

/**
 * Returns the numbers that a guard has seen and that the store does not know. `state`: read after
 * the status.
 */
export function numbersAhead(
  status: DatabaseStatus,
  { token, epoch }: Pick<ServiceState, 'token' | 'epoch'>,
): readonly string[] {
  const { region, known } = status;
  const highest = highestSeen(status);
  return [
    ...(highest > token
      ? [
          `TOKEN AHEAD: ${region}'s guard has seen token ${highest}, and the store has given ${token}, so every run would fail with token-too-old or token-renounced; the store was put back from an older backup, or a stranger sent that token; \`throwover renumber\` lets the store continue above it`,
        ]
      : []),
    ...(known.epoch > epoch
      ? [
          `EPOCH AHEAD: ${region}'s guard knows epoch ${known.epoch}${known.active === null ? '' : ` with ${known.active} active`}, and the store has ${epoch}; the guard of the active region tells the store after one lease, else see docs/authority.md, "A guard that has seen too much"`,
        ]
      : []),
  ];
}

/** Returns in a few words why nobody can write there; empty when the database is open. */
export function closedText(closed: Closed | null): string {
  if (closed === null) return '';
  switch (closed.by) {
    case 'fence':
      return 'CLOSED by a fence';
    case 'start':
      return 'CLOSED since its start';
    case 'newer-epoch':
      return `closed: ${closed.active} is active in epoch ${closed.epoch}`;
    case 'promotion':
      return 'CLOSED while it is promoted';
    default:
      return assertNever(closed);
  }
}

/**
 * Returns the fault of a guard that works for another service or with another region: it would
 * refuse every run.
 */
export function strangeGuard(expected: ExpectedGuard, status: DatabaseStatus): readonly string[] {
  const why = strangerAt(expected, status) ?? unconfirmedAt(expected, status);
  return why === null ? [] : [`WRONG GUARD: ${why}`];
}
