import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { timelineOf } from '@throwover/client';
import { z } from 'zod';
import type { Attachment, Promotion } from '../../../authority/database-side.ts';
import { postgresErrors } from '../errors.ts';
import { attachmentSchema } from '../wire.ts';
import { baseBackup } from './base-backup.ts';
import { rewind } from './rewind.ts';
import type { Side } from './side.ts';
import {
  configureStandby,
  conninfo,
  finishReplacing,
  keepOwnFiles,
  replaceDataDirectory,
} from './standby-files.ts';
import { replaceDurably } from './state.ts';
import { observe } from './status.ts';

/** Time between two looks at whether it follows, ms; attaching takes 114 ms (measured). */
const followPollMs = 10;

/** Longest time until it follows, or has been seen not to, ms: after a copy it replays what came meanwhile. */
const followTimeoutMs = 60_000;

/** Seconds after which a receiver gives a login up: without it, it hangs inside a frozen link (measured). */
const connectTimeoutSeconds = 3;

/** PostgreSQL's words for a log that went on past the point where the upstream's timeline began. */
const divergedWords =
  /forked off current database system timeline|is not in this server's history|is not a child of this server's history|does not contain minimum recovery point/;

interface AttachCommand {
  readonly epoch: number;
  readonly upstream: string;
  readonly promotion: Promotion;
  /** Told whether it may be started again by itself, as a standby. */
  readonly mayRun: (may: boolean) => Promise<void>;
}

/**
 * The old primary follows the new one, in the cheapest way that is right: as it is when its log ended
 * at or before the switch position, by a rewind where there is the tool, by a copy otherwise.
 *
 * It is believed when the row that the promotion wrote on the new timeline is read here and the
 * receiver streams that timeline: `state = streaming` alone is shown for a moment by one that diverged.
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
  // Fast: pg_rewind wants a server that was shut down, and a standby writes no checkpoint of its own.
  await side.postmaster.stop('fast');
  const rewound = await rewind(side.config, {
    link: source.link,
    user: source.user,
    password: source.password,
  });
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

/** False when its log has diverged from the upstream's. */
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
    // A standby whose log has diverged may end before it takes a connection.
    if (divergedWords.test(await side.postmaster.logSince(logged))) return false;
    throw error;
  }
  const deadline = side.clock.monotonicMs() + followTimeoutMs;
  while (!(await follows(side, command))) {
    const words = await side.postmaster.logSince(logged);
    if (divergedWords.test(words)) return false;
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

/** The promotion's row is here, and so is its timeline, streaming. */
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

async function takeDown(side: Side): Promise<void> {
  if (side.postmaster.pid() === null) return;
  const { standby } = await side.sql.row<{ standby: boolean }>(
    'SELECT pg_is_in_recovery() AS standby',
  );
  await side.postmaster.stop(standby ? 'fast' : 'immediate');
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
    },
    into,
    owner: runAs,
  });
  await putOwnFiles(into);
  await replaceDataDirectory(dataDir, into);
  return { bytesCopied };
}

/** How an attachment was begun: a guard that ended in the middle tells it all the same. */
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
