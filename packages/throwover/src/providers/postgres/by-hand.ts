import { escapeIdentifier, escapeLiteral } from 'pg';
import { inDoubleQuotes, shellWord } from '../../kernel/kernel.ts';
import { type HandWork, untilAnswers } from '../../runbook/runbook.ts';
import type { DatabaseHands } from '../../runs/runs.ts';
import { fenceLines, linesOf } from './guard/host-based-access.ts';
import { advanceSql } from './guard/settings.ts';
import { conninfo, quoted } from './guard/standby-files.ts';
import type { Place } from './wire.ts';

/** Longest waits of PostgreSQL's own tools, s: a stop first sends everything to the standby. */
const stopSeconds = 120;
const startSeconds = 120;
const promoteSeconds = 60;

/** How long the commands wait for the other side before a person must decide, s. */
const patienceSeconds = 60;

/**
 * Session settings against settings of roles and databases that would stop people as they would
 * stop a guard (guard/own-session.ts).
 */
const sessionOptions = [
  'role=none',
  'search_path=pg_catalog,pg_temp',
  'default_transaction_read_only=off',
  'statement_timeout=0',
  'lock_timeout=0',
  'synchronous_commit=local',
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

/** Values that one box shows and another asks for. */
const position = 'position';

/** The team's commands for a region's machines (service/schema/by-hand.ts). */
export interface DatabaseCommands {
  readonly stopGuard: string;
  readonly startGuard: string;
  /** Default: pg_ctl. */
  readonly stopDatabase?: string | undefined;
  readonly startDatabase?: string | undefined;
}

/** Manual steps for one region's PostgreSQL, with psql, pg_ctl and changes to two files. */
export function postgresHands(
  place: Place,
  options: { readonly commands: DatabaseCommands; readonly strict: boolean },
): DatabaseHands {
  const { region, dataDir } = place;
  const { commands, strict } = options;
  const at = (says: string, ...lines: string[]): HandWork => ({
    on: region,
    says,
    lines: withSql(place, lines),
  });
  const door = doorOf(place);
  const pgCtl = (rest: string) =>
    asOwner(place, `${shellWord(`${place.pgBin}/pg_ctl`)} -D ${shellWord(dataDir)} ${rest}`);
  // `restart` also starts a stopped server, with the options that it was last started with.
  const start =
    commands.startDatabase ??
    pgCtl(`restart -w -t ${startSeconds} -l ${shellWord(`${dataDir}/by-hand.log`)}`);
  const stop = commands.stopDatabase ?? pgCtl(`stop -m fast -w -t ${stopSeconds}`);
  return {
    stopGuard: at(
      `Stop ${region}'s guard, so that it neither opens nor starts anything meanwhile`,
      commands.stopGuard,
    ),
    startGuard: at(`Start ${region}'s guard again`, commands.startGuard),
    checkpoint: at('Write a checkpoint, so that a stop is short', sql('CHECKPOINT')),
    lagAtMost: (standby, boundMs) =>
      at(
        `Wait until ${standby} follows closely`,
        until(
          `SELECT count(*) FROM pg_stat_replication WHERE application_name = ${escapeLiteral(standby)} AND state = 'streaming' AND coalesce(flush_lag, '0') <= interval '${boundMs} ms'`,
          '1',
        ),
      ),
    close: [
      at(
        'Close the door to the application and end its sessions',
        ...door.close,
        until(door.endSessions, '0'),
      ),
      {
        ...at(
          'Read where its log ends',
          sql("SELECT pg_logical_emit_message(true, 'throwover', 'closed by hand')"),
          sql('SELECT pg_current_wal_flush_lsn()'),
        ),
        shows: position,
      },
      at(`Stop it in order: it sends everything to its standby before it ends`, stop),
    ],
    reopen: [at('Start it again, and open the door to the application', start, ...door.open)],
    hasReceived: {
      ...at(
        'Type in the position that was noted down; wait until everything up to it is here',
        `read -r -p 'Position: ' P`,
        // One line, so that the message appears only on success.
        `${untilAnswers(`q "SELECT pg_last_wal_receive_lsn() >= '$P'::pg_lsn"`, 't', patienceSeconds)} && echo "${inDoubleQuotes(region)} has everything up to $P"`,
      ),
      asks: position,
    },
    received: at('Read how far it has come', sql('SELECT pg_last_wal_receive_lsn()')),
    promote: (lossy) => [
      // Roles cannot be changed on a standby (guard/role-door.ts).
      ...(lossy === null || place.fence === 'roles'
        ? []
        : [at('Keep the application out until the ids are moved on', ...door.close)]),
      at(
        'Make it the primary',
        sql(`SELECT pg_promote(true, ${promoteSeconds})`),
        until('SELECT pg_is_in_recovery()', 'f'),
      ),
      ...(lossy === null
        ? []
        : [
            at(
              'Move every sequence on, so that no id is given out twice',
              sql(advanceSql(String(lossy.sequenceAdvance)).replaceAll(/\s+/g, ' ')),
            ),
          ]),
      ...(strict
        ? [
            at(
              "Let it write without its guard, who renews that right otherwise: for a day, or until the guard's own word",
              sql(leaseSql),
            ),
          ]
        : []),
      at('Open the door to the application', ...door.open),
    ],
    follow: (upstream) => ({
      work: [
        at(
          `Make it a standby of ${upstream}, with its door open for reads`,
          ...standbyFiles(place, upstream),
          ...door.openFile,
          start,
        ),
        at(
          `Wait until it follows ${upstream}`,
          until('SELECT pg_is_in_recovery()', 't'),
          until("SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'", '1'),
        ),
      ],
      look: `${region} receives from ${upstream}: the service has a standby again.`,
      ifNot: `Its log says why (${dataDir}/by-hand.log). A history that went on past the switch is taken back with \`pg_rewind\`, or ${region} is copied anew with \`pg_basebackup\`; both can wait for throwover, and ${upstream} serves meanwhile.`,
      back: { none: 'a standby takes no writes' },
    }),
  };
}

/** Returns one statement as a command that prints its bare answer. */
function sql(statement: string): string {
  return `q "${inDoubleQuotes(statement)}"`;
}

/** Returns a command that repeats the statement until it gives this answer. */
const until = (statement: string, answer: string) =>
  untilAnswers(sql(statement), answer, patienceSeconds);

/** Puts the definition of the query function before lines that ask the database. */
function withSql({ superuser, port, database }: Place, lines: readonly string[]): string[] {
  if (!lines.some((line) => /\bq "/.test(line))) return [...lines];
  return [
    `q() { PGOPTIONS=${shellWord(sessionOptions)} psql -X -w -h ${shellWord(superuser.host)} -p ${port} -U ${shellWord(superuser.user)} -d ${shellWord(database)} -v ON_ERROR_STOP=1 -Atqc "$1"; }`,
    ...lines,
  ];
}

/**
 * The commands that keep the application out and let it in: lines of pg_hba.conf, or the right to
 * log in.
 */
function doorOf(place: Place) {
  const { applicationRoles, hbaFile, fence } = place;
  const names = applicationRoles.map(escapeLiteral).join(', ');
  const endSessions = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename IN (${names})`;
  if (fence === 'roles') {
    const logins = (may: string) =>
      applicationRoles.map((role) => sql(`ALTER ROLE ${escapeIdentifier(role)} ${may}`));
    return { close: logins('NOLOGIN'), open: logins('LOGIN'), openFile: [], endSessions };
  }
  const file = shellWord(hbaFile);
  const lines = fenceLines(applicationRoles).map(shellWord);
  const reload = sql('SELECT pg_reload_conf()');
  // The result of a box depends on this: if the file could not be written, the door must not look
  // closed.
  const isClosed = `SELECT count(*) >= ${linesOf(applicationRoles)} FROM pg_hba_file_rules WHERE auth_method = 'reject' AND user_name <@ ARRAY[${names}]`;
  const openFile = asOwner(
    place,
    `sed -i '/^# throwover fence: begin/,/^# throwover fence: end/d' ${file}`,
  );
  return {
    close: [
      `cp -p ${file} ${file}.before`,
      `printf '%s\\n' ${lines.join(' ')} | cat - ${file}.before > ${file}`,
      reload,
      until(isClosed, 't'),
    ],
    open: [openFile, reload],
    openFile: [openFile],
    endSessions,
  };
}

function standbyFiles(place: Place, upstream: string): readonly string[] {
  const { dataDir, replication, upstreams, region } = place;
  const link = upstreams[upstream];
  const auto = shellWord(`${dataDir}/postgresql.auto.conf`);
  // Without the quote at its end, before which the password is put.
  const info = quoted(
    conninfo({
      host: link?.host ?? upstream,
      port: link?.port ?? 5432,
      user: replication.user,
      application_name: region,
      connect_timeout: 3,
    }),
  ).slice(0, -1);
  const secret = replication.password;
  return [
    ...(secret === null
      ? []
      : [
          `IFS= read -r -s -p ${shellWord(`Password of ${replication.user} (${secret} at the guard): `)} PASSWORD`,
          // For the connection string, then for the file (guard/standby-files.ts).
          `PASSWORD=$(printf '%s' "$PASSWORD" | sed ${shellWord("s/[\\']/\\\\&/g; s/[\\']/&&/g")})`,
        ]),
    asOwner(place, `sed -i '/^primary_conninfo/d; /^recovery_target_timeline/d' ${auto}`),
    `printf '%s\\n' "primary_conninfo = ${inDoubleQuotes(info)}${secret === null ? '' : " password=''$PASSWORD''"}'" >> ${auto}`,
    `echo "recovery_target_timeline = 'latest'" >> ${auto}`,
    asOwner(place, `touch ${shellWord(`${dataDir}/standby.signal`)}`),
  ];
}

/** Runs the command as the owner of PostgreSQL's files: PostgreSQL refuses to run as root. */
function asOwner({ runAs }: Place, command: string): string {
  if (runAs === null) return command;
  return `setpriv --reuid=${runAs.uid} --regid=${runAs.gid} --clear-groups -- ${command}`;
}

const leaseSql = `INSERT INTO throwover.writer_lease (until_wall, until_boot) VALUES (clock_timestamp() + interval '1 day', NULL) ON CONFLICT (one) DO UPDATE SET until_wall = excluded.until_wall, until_boot = NULL`;
