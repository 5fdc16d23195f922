/**
 * What a fence of one database would not stop, and what its ledger of losses would not see: read while
 * nothing happens, for `check` and before a plan.
 */
export interface DatabaseSurvey {
  readonly region: string;
  /** Those who write, or may write, past the fence; the first ones. */
  readonly writers: readonly OtherWriter[];
  readonly writersInAll: number;
  /** Roles that the guard is told to close out and the database does not have: a fence refuses. */
  readonly missingRoles: readonly string[];
  /** Tables whose log does not say which row was updated or deleted; the first ones. */
  readonly blindTables: readonly string[];
  readonly blindTablesInAll: number;
  /** What its way of closing the application out cannot do, a sentence each; empty when it can do all. */
  readonly doorCannot: readonly string[];
}

export interface OtherWriter {
  readonly kind: /** Commits later, whoever does it, and holds its locks until then. */
    | 'prepared-transaction'
    /** A logical subscription applies changes of another database. */
    | 'subscription'
    | 'scheduled-job'
    /** An extension's process: it logs in nowhere. */
    | 'background-worker'
    /** May log in and write, and is no application role of the guard's configuration. */
    | 'login-role';
  readonly name: string;
  /** As whom; `null`: not as a role that logs in. */
  readonly role: string | null;
}
