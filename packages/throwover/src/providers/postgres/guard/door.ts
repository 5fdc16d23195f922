import type { Clock } from '../../../kernel/kernel.ts';
import type { GuardConfig } from '../config.ts';
import type { Postmaster } from './postmaster.ts';
import type { Login, Sql } from './sql.ts';

/** Time between two looks at whether the server acts on a change, ms. */
export const doorPollMs = 2;

/** Longest time until it does, ms: within the port's 15 s. */
export const doorPatienceMs = 4_000;

/**
 * How logins of the application's roles are refused. Sessions that are already there are fence.ts's
 * business. Every call is safe to repeat.
 */
export interface Door {
  /** What it cannot do, and why. */
  readonly cannot: Readonly<Partial<Record<DoorAbility, string>>>;
  /** Resolves when every login that begins from now on is refused; `onDisk`: when a restart keeps it so. */
  close(): Promise<{ readonly onDisk: Promise<void> }>;
  /** Closed when the server starts next. */
  closeBeforeStart(): Promise<void>;
  /** Resolves when logins that begin from now on are admitted. A server that does not run opens when it does. */
  open(): Promise<void>;
  /** Whether it is closed now, as far as it can be seen. */
  isClosed(): Promise<boolean>;
  /** This side has just left recovery, and nobody was told. False: it must be closed now, since it could not be before. */
  promoted(): Promise<boolean>;
}

export type DoorAbility =
  /** A side that was down is closed before anybody may connect. */
  | 'close-before-start'
  /** A standby is closed on its own, so that a lossy promotion opens only when its sequences were advanced. */
  | 'close-standby'
  /** Closing one side changes nothing on the other. */
  | 'one-side-alone';

/** What a door works with. */
export interface DoorParts {
  readonly config: GuardConfig;
  readonly clock: Clock;
  readonly postmaster: Postmaster;
  readonly sql: Sql;
  readonly watch: Sql;
  applicationLogin(role: string): Login;
}
