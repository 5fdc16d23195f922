/** The application's database, its login role, and the role that standbys connect with. */
export const database = 'checkout';
export const applicationRole = 'checkout';
export const replicationRole = 'replicator';

/** Run once, as the superuser, outside of the application's database. */
export const rolesSql = [
  `CREATE ROLE ${applicationRole} LOGIN`,
  `CREATE ROLE ${replicationRole} LOGIN REPLICATION`,
  // Rights that pg_rewind needs on its source, from PostgreSQL's own documentation.
  `GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_dir(text, boolean, boolean) TO ${replicationRole}`,
  `GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_file(text, boolean) TO ${replicationRole}`,
  `GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_binary_file(text) TO ${replicationRole}`,
  `GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean) TO ${replicationRole}`,
  // The checkpoint before it needs a right too: version 15 requires this role, 14 does not have it,
  // 16 does not need it.
  `DO $$ BEGIN
     IF current_setting('server_version_num')::int >= 150000 THEN
       GRANT pg_checkpoint TO ${replicationRole};
     END IF;
   END $$`,
  `CREATE DATABASE ${database} OWNER ${applicationRole}`,
];

/** Tables of the sample application; run as the application's role. */
export const tablesSql = `
  CREATE TABLE orders (
    idempotency_key text PRIMARY KEY,
    id bigint GENERATED ALWAYS AS IDENTITY,
    amount bigint NOT NULL,
    currency text NOT NULL,
    status text NOT NULL,
    region text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
  );
  CREATE INDEX orders_newest ON orders (created_at DESC, idempotency_key);
  -- The key of a payment is the event's id: a repeated delivery has no second effect (A3).
  CREATE TABLE payments (
    event_id text PRIMARY KEY,
    order_key text,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
  );
`;

/**
 * Settings of both sides. Durable (fsync stays on); large enough for two regions' pools on one
 * machine; a side that was away for minutes still finds the log that it needs (wal_keep_size).
 */
export const settings: Readonly<Record<string, string>> = {
  max_connections: '150',
  shared_buffers: '64MB',
  // logical, so that a change stream can be read later without a restart.
  wal_level: 'logical',
  wal_log_hints: 'on',
  max_wal_senders: '8',
  // The ledger's slot never fills the disk: beyond this size it is dropped.
  max_slot_wal_keep_size: '256MB',
  wal_keep_size: '256MB',
  min_wal_size: '64MB',
  max_wal_size: '512MB',
  // A switch should not meet a scheduled checkpoint; the runbook writes one before.
  checkpoint_timeout: '15min',
  hot_standby_feedback: 'on',
  // A replay conflict waits and does not cancel a reader.
  max_standby_streaming_delay: '-1',
  // Default 5 s: an upstream that is being promoted would cost one whole interval.
  wal_retrieve_retry_interval: '100ms',
  // The smallest value: an idle primary learns within a second that its standby has replayed
  // everything.
  wal_receiver_status_interval: '1s',
  // A silent link is noticed in 10 s, not 60 s.
  wal_receiver_timeout: '10s',
  wal_sender_timeout: '10s',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
};

/** Everything is on this machine's loopback; the lab holds no data of anyone. */
export const hostBasedAccess = `
local   all          all                 trust
host    replication  ${replicationRole}  127.0.0.0/8  trust
host    all          all                 127.0.0.0/8  trust
`;
