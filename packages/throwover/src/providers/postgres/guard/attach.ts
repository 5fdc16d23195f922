import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lsnOf, timelineOf } from '@throwover/client';
import { z } from 'zod';
import {
  type Attachment,
  attachmentSchema,
  authorityErrors,
  type ClusterSight,
  type Promotion,
} from '../../../authority/authority.ts';
import { replaceDurably } from '../../../kernel/kernel.ts';
import { postgresErrors } from '../errors.ts';
import { baseBackup } from './base-backup.ts';
import { clusterAt, stoppedCluster } from './cluster.ts';
import { ownSession } from './own-session.ts';
import { rewind } from './rewind.ts';
import type { Side } from './side.ts';
import { isStandby } from './sql.ts';
import {
  configureStandby,
  conninfo,
  finishReplacing,
  keepOwnFiles,
  replaceDataDirectory,
} from './standby-files.ts';
import { observe } from './status.ts';

/** Pause between two checks whether it follows, ms; attaching takes 114 ms (measured). */
const followPollMs = 10;

/**
 * Longest time until it follows, or is known not to, ms: after a copy it first replays the log
 * written meanwhile.
 */
const followTimeoutMs = 60_000;

/**
 * Seconds after which a receiver gives up a login: without this it hangs in a frozen link
 * (measured).
 */
const connectTimeoutSeconds = 3;

/**
 * PostgreSQL's messages about a log that went on past the point where the upstream's timeline
 * began.
 */
const divergedWords =
  /forked off current database system timeline|is not in this server's history|is not a child of this server's history|does not contain minimum recovery point/;

interface AttachCommand {
  readonly epoch: number;
  readonly upstream: string;
  readonly promotion: Promotion;
  /** The part of its log beyond the switch position may be discarded. */
  readonly discards: boolean;
  /** Called with whether the guard may start the database by itself, as a standby. */
  readonly mayRun: (may: boolean) => Promise<void>;
}

/**
 * Makes the old primary follow the new one, in the cheapest correct way: as it is if its log ended
 * at or before the switch position, by a rewind if the tool is installed, otherwise by a copy.
 *
 * Done when the promotion's row on the new timeline can be read here and the receiver streams that
 * timeline. `state = streaming` alone is no proof: a diverged standby shows it for a moment.
 */
export async function follow(side: Side, command: AttachCommand): Promise<Attachment> {
  const source = await upstreamOf(side, command.upstream);
  await finishReplacing(side.config.postgres.dataDir);
  if (!(await follows(side, command))) {
    await takeDown(side);
    await makeFollow(side, command, source);
  }
  return (await begunBefore(side, command.epoch)) ?? { way: 'already', bytesCopied: 0 };
}

async function makeFollow(side: Side, command: AttachCommand, source: Source): Promise<void> {
  await remember(side, command, 'as-is', 0);
  if (await startAndFollow(side, command, source)) return;
  await command.mayRun(false);
  // Fast mode: pg_rewind needs a server that was shut down cleanly, and a standby writes no
  // checkpoint of its own.
  await side.postmaster.stop('fast');
  if (!command.discards) throw unread(side, command);
  const rewound = await rewind(side.config, source);
  if (rewound !== null) {
    await remember(side, command, 'rewind', rewound.bytesCopied);
    if (await startAndFollow(side, command, source)) return;
    await command.mayRun(false);
    await side.postmaster.stop('fast');
  }
  const { bytesCopied } = await copy(side, source);
  await remember(side, command, 'copy', bytesCopied);
  if (await startAndFollow(side, command, source)) return;
  throw postgresErrors.make(
    'database-refused',
    `${side.config.region} does not follow ${command.upstream} even after a copy: its history is another one`,
    { promotion: command.promotion },
  );
}

/**
 * The error when its log goes on past the switch position and that part was not read. A guard that
 * did not run cannot know which program wrote there after the database was closed.
 */
function unread({ config }: Side, { upstream, promotion }: AttachCommand) {
  return authorityErrors.make(
    'unread-writes',
    `${config.region}'s log goes on past the point at which ${upstream} left it, and what stands there was not read`,
    { promotion },
  );
}

/**
 * Returns the cluster of the server that `follow` would follow, asked over the link that a copy
 * would use.
 */
export async function upstreamCluster(side: Side, upstream: string): Promise<ClusterSight> {
  const { link, user, password } = await upstreamOf(side, upstream);
  const { database, postgres } = side.config;
  const options = ownSession(postgres.dataDir);
  return clusterAt({ ...link, user, password, database, options });
}

/** Returns false if its log has diverged from the upstream's. */
async function startAndFollow(
  side: Side,
  command: AttachCommand,
  source: Source,
): Promise<boolean> {
  const { dataDir, runAs } = side.config.postgres;
  await configureStandby(dataDir, { primaryConninfo: source.primaryConninfo, runAs });
  await command.mayRun(true);
  const logged = await side.postmaster.logSize();
  try {
    await side.postmaster.start();
  } catch (error) {
    // A diverged standby may end before it accepts a connection.
    if (divergedWords.test(await side.postmaster.logSince(logged))) return false;
    throw error;
  }
  const deadline = side.clock.monotonicMs() + followTimeoutMs;
  while (!(await follows(side, command))) {
    const words = await side.postmaster.logSince(logged);
    if (divergedWords.test(words) || (await wentPast(side, command))) return false;
    if (side.clock.monotonicMs() > deadline) {
      throw postgresErrors.make(
        'database-refused',
        `${side.config.region} has not followed ${command.upstream} within ${followTimeoutMs} ms\n${words.trim().split('\n').slice(-3).join('\n')}`,
        { upstream: source.link },
      );
    }
    await side.clock.sleep(followPollMs);
  }
  return true;
}

/** Whether the promotion's row is here, and its timeline is being streamed. */
async function follows(side: Side, command: AttachCommand): Promise<boolean> {
  if (side.postmaster.pid() === null) return false;
  const observed = await observe(side, side.sql);
  if (!observed.standby || !observed.streaming) return false;
  const { timeline } = command.promotion;
  if (timelineOf(observed.received) < timeline) return false;
  return observed.promotions.some(
    (row) => row.epoch === command.epoch && row.timeline === timeline,
  );
}

/**
 * Whether it has replayed more of the old timeline than the upstream has of it. If an archive gives
 * it the new timeline's history before it starts, PostgreSQL keeps asking for a next record that
 * never fits, and logs no message about it.
 */
async function wentPast(side: Side, { promotion }: AttachCommand): Promise<boolean> {
  const { switchPosition } = promotion;
  const { past } = await side.sql.row<{ past: boolean }>(
    `SELECT min_recovery_end_timeline <= $1 AND min_recovery_end_lsn > $2::pg_lsn AS past
     FROM pg_control_recovery()`,
    [timelineOf(switchPosition), lsnOf(switchPosition)],
  );
  return past;
}

async function takeDown(side: Side): Promise<void> {
  if (side.postmaster.pid() === null) return;
  await side.postmaster.stop((await isStandby(side.sql)) ? 'fast' : 'immediate');
}

async function copy(side: Side, source: Source): Promise<{ bytesCopied: number }> {
  const { dataDir, runAs } = side.config.postgres;
  const into = `${dataDir}.copy`;
  const putOwnFiles = await keepOwnFiles(dataDir);
  const { bytesCopied } = await baseBackup({
    from: {
      ...source.link,
      user: source.user,
      password: source.password,
      database: side.config.database,
      options: ownSession(dataDir),
    },
    into,
    owner: runAs,
  });
  await mustReplaceTheSame(side, into);
  await putOwnFiles(into);
  await replaceDataDirectory(dataDir, into);
  return { bytesCopied };
}

/**
 * Checks again directly before the step that cannot be undone, because the replaced directory may
 * be another one since the run began.
 */
async function mustReplaceTheSame(side: Side, copied: string): Promise<void> {
  const { dataDir } = side.config.postgres;
  const [old, next] = await Promise.all([stoppedCluster(dataDir), stoppedCluster(copied)]);
  if (old === null || old.identifier === next?.identifier) return;
  throw authorityErrors.make(
    'cluster-different',
    `${side.config.region}'s data directory is of cluster ${old.identifier}, the copy of ${next?.identifier ?? 'none'}: it is not replaced`,
    { own: old, other: next },
  );
}

/** How an attachment was begun, so that it can be reported even if a guard ended in the middle. */
const begunSchema = attachmentSchema.extend({ epoch: z.number() });
const begunFile = (side: Side) => join(side.config.stateDir, 'attaching.json');

async function remember(
  side: Side,
  { epoch }: AttachCommand,
  way: Attachment['way'],
  bytesCopied: number,
): Promise<void> {
  await replaceDurably(begunFile(side), JSON.stringify({ epoch, way, bytesCopied }));
}

async function begunBefore(side: Side, epoch: number): Promise<Attachment | null> {
  const text = await readFile(begunFile(side), 'utf8').catch(() => null);
  if (text === null) return null;
  const { epoch: begun, ...attachment } = begunSchema.parse(JSON.parse(text));
  return begun === epoch ? attachment : null;
}

interface Source {
  readonly link: { readonly host: string; readonly port: number };
  readonly user: string;
  readonly password: string | null;
  readonly primaryConninfo: string;
}

async function upstreamOf(side: Side, upstream: string): Promise<Source> {
  const { upstreams, replication, region } = side.config;
  const link = upstreams[upstream];
  if (link === undefined || upstream === region) {
    throw postgresErrors.make(
      'database-refused',
      `${region} has no upstream ${upstream}: its guard knows ${Object.keys(upstreams).join(', ')}`,
      { upstream },
    );
  }
  const password = await side.secret(replication.password);
  return {
    link,
    user: replication.user,
    password,
    primaryConninfo: conninfo({
      ...link,
      user: replication.user,
      ...(password === null ? {} : { password }),
      application_name: region,
      connect_timeout: connectTimeoutSeconds,
    }),
  };
}
