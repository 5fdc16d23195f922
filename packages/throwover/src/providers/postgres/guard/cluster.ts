import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Position, positionOf } from '@throwover/client';
import pg from 'pg';
import type { ClusterSight } from '../../../authority/authority.ts';
import { nullIfMissing, textOrNull } from '../../../kernel/kernel.ts';
import { postgresErrors } from '../errors.ts';
import { isThere } from './files.ts';
import type { Side } from './side.ts';
import { clientFor, type Login, type Sql } from './sql.ts';

/** Bytes of a history file that are read: it has a line of about 50 bytes for each promotion. */
const maxHistoryBytes = 1024 * 1024;

/** Longest wait for the upstream's answer, ms: some round trips across an ocean. */
const upstreamTimeoutMs = 10_000;

/**
 * Oldest and newest version of pg_control that is accepted: from 9.0 to far in the future. Any
 * other number means the other byte order.
 */
const controlVersions = { from: 900, to: 10_000 } as const;

/**
 * Returns a reader for the cluster of a running server, from the identifier and timeline that a
 * look has found.
 */
export function clusterReader(side: Side) {
  let read: { readonly key: string; readonly left: readonly Position[] } | null = null;
  return async (
    sql: Sql,
    seen: { readonly identifier: string; readonly timeline: number; readonly started: string },
  ): Promise<ClusterSight> => {
    const { timeline, started } = seen;
    const identifier = unsigned(seen.identifier);
    // A data directory is replaced only while its server is down; a timeline's history never
    // changes.
    const key = `${identifier} ${timeline} ${started}`;
    if (read?.key !== key) {
      const left = await historyOf(side, sql, timeline);
      if (left === null) return { identifier, timeline, left };
      read = { key, left };
    }
    return { identifier, timeline, left: read.left };
  };
}

/** Returns the cluster of the data directory of a stopped server; `null` if there is none. */
export async function stoppedCluster(dataDir: string): Promise<ClusterSight | null> {
  const control = await readFile(join(dataDir, 'global', 'pg_control')).catch(nullIfMissing);
  if (control === null || control.length < 12) return null;
  const identifier = identifierIn(control);
  const timeline = await newestTimeline(dataDir);
  if (timeline === null) return null;
  return { identifier, timeline, left: await historyOnDisk(dataDir, timeline) };
}

/** Returns the cluster that the server at the other end of the link reports. */
export async function clusterAt(login: Login): Promise<ClusterSight> {
  const client = clientFor(login, {
    replication: 'true',
    connectionTimeoutMillis: upstreamTimeoutMs,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const [system] = (await client.query('IDENTIFY_SYSTEM')).rows;
    const identifier = String(system?.systemid);
    const timeline = Number(system?.timeline);
    if (timeline === 1) return { identifier, timeline, left: [] };
    const [history] = (await client.query(`TIMELINE_HISTORY ${timeline}`)).rows;
    return { identifier, timeline, left: historyIn(String(history?.content ?? '')) };
  } catch (error) {
    const { host, port } = login;
    const message = error instanceof Error ? error.message : String(error);
    throw postgresErrors.make(
      error instanceof pg.DatabaseError ? 'database-refused' : 'database-unreachable',
      `the server at ${host}:${port} did not say which cluster it is of: ${message}`,
      { host, port },
      error,
    );
  } finally {
    await client.end().catch(() => {});
  }
}

/** Returns where each earlier timeline ended, from the lines of a history file. */
export function historyIn(text: string): readonly Position[] {
  return text.split('\n').flatMap((line) => {
    const [, timeline, lsn] = /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/i.exec(line) ?? [];
    return timeline === undefined || lsn === undefined ? [] : [positionOf(Number(timeline), lsn)];
  });
}

async function historyOf(
  side: Side,
  sql: Sql,
  timeline: number,
): Promise<readonly Position[] | null> {
  if (timeline === 1) return [];
  try {
    const { text } = await sql.row<{ text: string | null }>(
      'SELECT pg_read_file($1, 0, $2, true) AS text',
      [`pg_wal/${nameOf(timeline)}`, maxHistoryBytes],
    );
    return text === null ? null : historyIn(text);
  } catch (error) {
    // The role may not read files, but the guard runs on the same machine.
    if (!(error instanceof pg.DatabaseError)) throw error;
    return historyOnDisk(side.config.postgres.dataDir, timeline);
  }
}

async function historyOnDisk(
  dataDir: string,
  timeline: number,
): Promise<readonly Position[] | null> {
  if (timeline === 1) return [];
  const text = await textOrNull(join(dataDir, 'pg_wal', nameOf(timeline)));
  return text === null ? null : historyIn(text);
}

/**
 * Whether this side has the history of a timeline after this one. A receiver asks for the histories
 * of newer timelines before it streams, so this tells a side that has diverged from one that
 * follows.
 */
export function isLeft(dataDir: string, timeline: number): Promise<boolean> {
  return isThere(join(dataDir, 'pg_wal', nameOf(timeline + 1)));
}

const nameOf = (timeline: number) =>
  `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;

/** Returns the timeline of the newest log file: a segment's name begins with its timeline. */
async function newestTimeline(dataDir: string): Promise<number | null> {
  const names = await readdir(join(dataDir, 'pg_wal')).catch(() => []);
  const timelines = names
    .filter((name) => /^[0-9A-F]{24}(\.partial)?$/.test(name))
    .map((name) => Number.parseInt(name.slice(0, 8), 16));
  return timelines.length === 0 ? null : Math.max(...timelines);
}

/**
 * The first field of pg_control in every version, in the byte order of the machine; the second
 * field shows whether that was right.
 */
function identifierIn(control: Buffer): string {
  const small = control.readUInt32LE(8);
  const little = small >= controlVersions.from && small < controlVersions.to;
  return String(little ? control.readBigUInt64LE(0) : control.readBigUInt64BE(0));
}

/** Returns the identifier of the server that answers now. */
export async function runningCluster(sql: Sql): Promise<string> {
  const { identifier } = await sql.row<{ identifier: string }>(
    'SELECT system_identifier::text AS identifier FROM pg_control_system()',
  );
  return unsigned(identifier);
}

/** PostgreSQL shows the unsigned number as a signed one. */
const unsigned = (identifier: string) => String(BigInt.asUintN(64, BigInt(identifier)));
