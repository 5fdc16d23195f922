/**
 * The writers that a fence of one database would not stop, and the tables that its ledger of losses
 * would not see. Read while no run is open, for `check` and before a plan.
 */
export interface DatabaseSurvey {
  readonly region: string;
  /** Those who write, or may write, in spite of the fence; the first ones. */
  readonly writers: readonly OtherWriter[];
  readonly writersInAll: number;
  /** Roles that the guard must close out and that the database does not have: a fence refuses. */
  readonly missingRoles: readonly string[];
  /** Tables whose log does not say which row was updated or deleted; the first ones. */
  readonly blindTables: readonly string[];
  readonly blindTablesInAll: number;
  /**
   * Limits of the way in which this database closes the application out, one sentence each; empty
   * when there are none.
   */
  readonly doorCannot: readonly string[];
  /**
   * Privileges and settings that the guard's own sessions lack in the database; empty when nothing
   * is missing.
   */
  readonly guardLacks: readonly GuardLack[];
  /**
   * Strict mode: writers that the lease does not stop, and for how long, one sentence each; empty
   * when the service is not strict.
   */
  readonly leaseLeavesOut: readonly string[];
}

export interface GuardLack {
  readonly says: string;
  /** Without it a run may not reach its end. */
  readonly mayStopRun: boolean;
}

export interface OtherWriter {
  readonly kind: /** May be committed later by any session, and holds its locks until then. */
    | 'prepared-transaction'
    /** A logical subscription applies changes of another database. */
    | 'subscription'
    | 'scheduled-job'
    /** A process of an extension, which does not log in. */
    | 'background-worker'
    /**
     * A role that may log in and write, and is not an application role in the guard's
     * configuration.
     */
    | 'login-role';
  readonly name: string;
  /** The role that it writes as; `null` if it does not log in with a role. */
  readonly role: string | null;
}
