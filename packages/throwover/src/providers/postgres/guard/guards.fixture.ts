/**
 * Guards beside the pair of a test file, each the other's peer, in this process or in separate
 * ones.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import type pg from 'pg';
import { freePort } from '../../../../../lab/src/fixtures/ports.ts';
import type { Name, Pair } from '../../../../../lab/src/postgres/fixtures/pair.ts';
import { until } from '../../../../../lab/src/postgres/fixtures/servers.ts';
import type { Identity } from '../../../access/identity.ts';
import type { ConnectTo } from '../../../access/machine.ts';
import type { DatabaseSide } from '../../../authority/database-side.ts';
import { systemClock } from '../../../kernel/kernel.ts';
import { postgresSide } from '../database-side.ts';
import { slotName } from '../salvage/slot.ts';
import { startGuard } from './guard.ts';

/** Rounds of a tenth of a second; the conditions of authority/timing.ts hold. */
export const quickTiming = {
  leaseMs: 1_500,
  renewEveryMs: 100,
  tickMs: 100,
  gapMs: 500,
  witnessDeadlineMs: 100,
  peerDeadlineMs: 300,
  syncPatienceMs: 300,
};

type Config = Readonly<Record<string, unknown>>;

export interface GuardHandle {
  readonly side: DatabaseSide;
  /** Ends the guard; the database continues. A second call changes nothing. */
  end(): Promise<void>;
}

export interface GuardProcess extends GuardHandle {
  readonly child: ChildProcess;
}

export interface Guards {
  /**
   * Returns the configuration of a region's guard, with the other one as its peer. `extra` is the
   * same for both.
   */
  config(name: Name, extra?: Config): Config;
  start(name: Name, extra?: Config): Promise<GuardHandle>;
  /** Starts a guard beside the same database, at another address: a stranger to the pair. */
  third(beside: Name, extra: Config): Promise<GuardHandle>;
  /** Starts a guard in a separate process, so that it can be stopped and killed. */
  spawn(name: Name, extra?: Config): Promise<GuardProcess>;
  /** Ends all guards that still run. */
  end(): Promise<void>;
}

/** The certificates of both guards, and how a controller connects to them. */
export interface GuardAccess {
  readonly identity: Readonly<Record<Name, Identity>>;
  readonly connectTo: ConnectTo;
}

export async function guardsOf(pair: Pair, access: GuardAccess | null = null): Promise<Guards> {
  const scheme = access === null ? 'http' : 'https';
  const ports = { east: await freePort('127.0.1.2'), west: await freePort('127.0.2.2') };
  const running = new Set<() => Promise<void>>();
  const at = (name: Name) => ({ host: pair.address[name].host, port: ports[name] });
  const config = (name: Name, extra: Config = {}): Config => {
    const other = name === 'east' ? 'west' : 'east';
    const { host, port } = at(other);
    return {
      ...pair.guardConfig(name),
      listen: at(name),
      peer: { region: other, guard: `${scheme}://${host}:${port}` },
      ...(access === null ? {} : { identity: access.identity[name] }),
      timing: quickTiming,
      ...extra,
    };
  };
  const handle = (name: Name, close: () => Promise<void>, address = at(name)): GuardHandle => {
    const { host, port } = address;
    const side = postgresSide({
      region: name,
      guardUrl: `${scheme}://${host}:${port}`,
      connect: access?.connectTo({ role: 'guard', region: name }),
      attachTimeoutMs: 60_000,
      clock: systemClock,
    });
    const end = async () => {
      if (!running.delete(end)) return;
      await side.close();
      await close();
    };
    running.add(end);
    return { side, end };
  };
  return {
    config,
    start: async (name, extra) => {
      const guard = await startGuard(config(name, extra), { log: () => {} });
      return handle(name, () => guard.close());
    },
    third: async (beside, extra) => {
      const listen = { host: pair.address[beside].host, port: 0 };
      const guard = await startGuard(config(beside, { ...extra, listen }), { log: () => {} });
      return handle(beside, () => guard.close(), guard.address);
    },
    spawn: async (name, extra) => {
      const child = await guardProcess(config(name, extra));
      const close = async () => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.kill('SIGKILL');
        await once(child, 'exit');
      };
      return { ...handle(name, close), child };
    },
    end: async () => {
      await Promise.all([...running].map((end) => end()));
    },
  };
}

async function guardProcess(config: Config): Promise<ChildProcess> {
  const guard = pathToFileURL(join(import.meta.dirname, 'guard.ts')).href;
  const program = `
    import { startGuard } from ${JSON.stringify(guard)};
    const { address } = await startGuard(JSON.parse(process.argv[1]), { log: () => {} });
    console.log(JSON.stringify(address));`;
  const child = spawn(
    process.execPath,
    ['--conditions=throwover-source', '--input-type=module', '-e', program, JSON.stringify(config)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(createInterface({ input: child.stdout }), 'line');
  return child;
}

/**
 * Returns the processes of the PostgreSQL of one data directory: they are frozen and thawed
 * together.
 */
export function serverProcesses(dataDir: string): number[] {
  const [pid] = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return [Number(pid), ...children.split(' ').filter(Boolean).map(Number)];
}

export function signalAll(pids: readonly number[], signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      // The process has ended since the list was made.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/**
 * Waits until its guard and the other one have agreed on the cluster, so that it may be promoted.
 */
export function untilOneCluster(side: DatabaseSide): Promise<void> {
  return until(`${side.region} is of the cluster that both agreed on`, async () => {
    return (await side.status()).clusterVerdict.is === 'same';
  });
}

/** Waits until the slot of the ledger exists: writes from now on can be salvaged from it. */
export function untilLedger(pair: Pair, name: Name): Promise<void> {
  return until(`the ledger of ${name} has a slot`, async () => {
    const found = await pair.ask(
      name,
      `SELECT FROM pg_replication_slots WHERE slot_name = '${slotName}' AND confirmed_flush_lsn IS NOT NULL`,
    );
    return found.length === 1;
  });
}

let lastKey = 0;

/** Inserts one order; returns its key. */
export async function insert(client: pg.Client, key = `order-${++lastKey}`): Promise<string> {
  await client.query(
    `INSERT INTO orders (idempotency_key, amount, currency, status, region) VALUES ($1, 1, 'eur', 'accepted', 'x')`,
    [key],
  );
  return key;
}

export async function insertOnce(pair: Pair, name: Name): Promise<string> {
  const client = await pair.connect(name);
  try {
    return await insert(client);
  } finally {
    await client.end().catch(() => {});
  }
}
