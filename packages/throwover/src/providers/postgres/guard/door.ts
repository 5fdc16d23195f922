import type { DoorLook, LoginsTried } from '../../../authority/authority.ts';
import type { Clock } from '../../../kernel/kernel.ts';
import type { GuardConfig } from '../config.ts';
import type { HbaFile } from './hba-file.ts';
import type { Postmaster } from './postmaster.ts';
import type { Login, Sql } from './sql.ts';

/** Pause between two checks whether the server acts on a change, ms. */
export const doorPollMs = 2;

/** Longest time until the server acts on a change, ms: within the port's 15 s. */
export const doorPatienceMs = 4_000;

/**
 * Refuses logins of the application's roles. Sessions that already exist are handled in fence.ts.
 * Every call is safe to repeat.
 */
export interface Door {
  /** The abilities that it lacks, with the reason. */
  readonly cannot: Readonly<Partial<Record<DoorAbility, string>>>;
  /**
   * Resolves when every login that begins from now on is refused; `onDisk` resolves when a restart
   * keeps it so. `mend`: rules that PostgreSQL cannot read are moved out of its way; without it
   * such rules are an error before anything changes.
   */
  close(options?: { readonly mend?: boolean }): Promise<{ readonly onDisk: Promise<void> }>;
  /** Closes the door for the next start of the server. */
  closeBeforeStart(): Promise<void>;
  /**
   * Resolves when logins that begin from now on are admitted. A server that does not run opens when
   * it starts.
   */
  open(): Promise<void>;
  /**
   * Returns how the server treats logins, without trying one; `null`: this side cannot be closed on
   * its own. Uses the connection for looks.
   */
  look(): Promise<DoorLook | null>;
  /** Tries a login of each application role and returns the result. */
  tries(): Promise<LoginsTried>;
  /** Whether the door is closed now, as far as it can be seen. */
  isClosed(): Promise<boolean>;
  /**
   * Called when this side has just left recovery, before the promotion is reported. Returns false
   * if the door must be closed now, because it could not be closed on the standby.
   */
  promoted(): Promise<boolean>;
}

export type DoorAbility =
  /** A side that was down is closed before any connection. */
  | 'close-before-start'
  /**
   * A standby is closed on its own, so that after a lossy promotion it opens only when its
   * sequences have been advanced.
   */
  | 'close-standby'
  /** Closing one side changes nothing on the other. */
  | 'one-side-alone';

/** The parts that a door uses. */
export interface DoorParts {
  readonly config: GuardConfig;
  readonly clock: Clock;
  readonly postmaster: Postmaster;
  readonly sql: Sql;
  readonly watch: Sql;
  readonly hbaFile: HbaFile;
  applicationLogin(role: string): Login;
}
