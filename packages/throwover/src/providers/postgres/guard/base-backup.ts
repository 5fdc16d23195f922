import type { EventEmitter } from 'node:events';
import { createWriteStream } from 'node:fs';
import { chmod, chown, mkdir, readdir, rm, symlink } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { extract, type Header } from 'tar-stream';
import { syncPath } from '../../../kernel/kernel.ts';
import { postgresErrors } from '../errors.ts';
import { clientFor, type Login } from './sql.ts';

/** First byte of a message in the stream of a base backup, PostgreSQL 15 and later. */
const message = { newArchive: 0x6e, data: 0x64 } as const;

/**
 * Longest time for a login over the link between the regions, ms: some round trips across an ocean.
 */
const linkTimeoutMs = 10_000;

/** Files that are fsynced at the same time: the thread pool has four threads. */
const syncsAtOnce = 4;

/** `pg` gives COPY data only to its connection; this is the part of it that is used. */
interface CopyConnection extends EventEmitter {
  readonly stream: Duplex;
}

/**
 * Makes a consistent copy of another server's data directory, over the replication protocol, with
 * the log that it needs to start. Files are fsynced, so the copy survives a power cut.
 */
export async function baseBackup(options: {
  readonly from: Login;
  readonly into: string;
  readonly owner: { readonly uid: number; readonly gid: number } | null;
}): Promise<{ bytesCopied: number }> {
  const { from, into, owner } = options;
  await rm(into, { recursive: true, force: true });
  await makeDirectory(into, owner);
  const client = clientFor(from, { replication: 'true', connectionTimeoutMillis: linkTimeoutMs });
  client.on('error', () => {});
  await client.connect();
  try {
    const version = Number(
      (await client.query('SHOW server_version_num')).rows[0]?.server_version_num,
    );
    const unpack = unpackInto(into, owner);
    const [bytesCopied] = await Promise.all([
      receive(client, { version, into: unpack.stream }),
      unpack.done,
    ]);
    await syncAll(into);
    return { bytesCopied };
  } finally {
    await client.end().catch(() => {});
  }
}

async function receive(
  client: pg.Client,
  options: { version: number; into: ReturnType<typeof extract> },
): Promise<number> {
  const { version, into } = options;
  const connection = (client as unknown as { connection: CopyConnection }).connection;
  const framed = version >= 150_000;
  let archives = framed ? 0 : 1;
  let bytes = 0;
  let paused = false;
  const onCopyData = ({ chunk }: { chunk: Buffer }) => {
    if (framed && chunk[0] === message.newArchive) archives++;
    if (framed && chunk[0] !== message.data) return;
    if (archives > 1) {
      const why = 'it has tablespaces outside its data directory, which are not copied';
      into.destroy(
        postgresErrors.make('database-refused', `the upstream cannot be copied: ${why}`),
      );
      return;
    }
    // `pg` reuses its buffer for the next message, so the bytes are copied.
    const data = Buffer.from(framed ? chunk.subarray(1) : chunk);
    bytes += data.length;
    if (into.write(data) || paused) return;
    // Data that was already read still arrives; no more is read until the files have caught up.
    paused = true;
    connection.stream.pause();
    into.once('drain', () => {
      paused = false;
      connection.stream.resume();
    });
  };
  connection.on('copyData', onCopyData);
  try {
    await client.query(
      framed
        ? "BASE_BACKUP (LABEL 'throwover', CHECKPOINT 'fast', WAL true, MANIFEST 'no')"
        : "BASE_BACKUP LABEL 'throwover' FAST WAL MANIFEST 'no'",
    );
    into.end(null);
    return bytes;
  } catch (error) {
    into.destroy(error as Error);
    throw error;
  } finally {
    connection.off('copyData', onCopyData);
  }
}

function unpackInto(dir: string, owner: { uid: number; gid: number } | null) {
  const stream = extract();
  const done = (async () => {
    for await (const entry of stream) await unpackEntry(dir, entry.header, entry, owner);
  })();
  return { stream, done };
}

async function unpackEntry(
  dir: string,
  header: Header,
  content: AsyncIterable<unknown> & { resume(): unknown },
  owner: { uid: number; gid: number } | null,
): Promise<void> {
  const path = join(dir, normalize(header.name));
  if (path !== dir && !path.startsWith(`${dir}/`)) {
    throw new Error(`the backup names a file outside the data directory: ${header.name}`);
  }
  if (header.type === 'directory') {
    content.resume();
    await makeDirectory(path, owner);
  } else if (header.type === 'symlink') {
    content.resume();
    await symlink(header.linkname, path);
  } else {
    await makeDirectory(dirname(path), owner);
    await pipeline(content as AsyncIterable<Uint8Array>, createWriteStream(path, { mode: 0o600 }));
    await chmod(path, header.mode);
    if (owner !== null) await chown(path, owner.uid, owner.gid);
  }
}

/**
 * Syncs all files at the end, some at the same time, so that a thousand small files share the
 * disk's commits.
 */
async function syncAll(dir: string): Promise<void> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = [
    dir,
    ...entries.filter((e) => !e.isSymbolicLink()).map((e) => join(e.parentPath, e.name)),
  ];
  const next = paths.values();
  const worker = async () => {
    for (const path of next) await syncPath(path);
  };
  await Promise.all(Array.from({ length: syncsAtOnce }, worker));
}

async function makeDirectory(path: string, owner: { uid: number; gid: number } | null) {
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (owner !== null) await chown(path, owner.uid, owner.gid);
}
