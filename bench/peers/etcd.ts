import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { urlOf } from 'throwover/kernel';
import { until } from '../../packages/lab/src/world/json.ts';
import type { Ground } from './ground.ts';
import { runTool, startDaemon } from './process.ts';

export const etcdPrograms = ['/usr/bin/etcd', '/usr/bin/etcdctl'] as const;

/** Longest start, ms. */
const startTimeoutMs = 20_000;

export type Etcd = Awaited<ReturnType<typeof startEtcd>>;

/**
 * Starts etcd as Debian ships it: one voter in the third place with its defaults, fsync on. One
 * voter without latency favours Patroni: for production it advises three or five, in different
 * places.
 */
export async function startEtcd(ground: Ground) {
  const { store } = ground;
  const dataDir = join(ground.dir, 'etcd');
  await rm(dataDir, { recursive: true, force: true });
  const daemon = await startDaemon({
    name: 'etcd',
    logDir: join(ground.dir, 'logs'),
    file: etcdPrograms[0],
    args: [
      ...['--name', 'witness', '--data-dir', dataDir],
      ...['--listen-client-urls', urlOf(store.client)],
      ...['--advertise-client-urls', urlOf(store.client)],
      ...['--listen-peer-urls', urlOf(store.peer)],
      ...['--initial-advertise-peer-urls', urlOf(store.peer)],
      ...['--initial-cluster', `witness=${urlOf(store.peer)}`],
    ],
  });
  const ctl = (args: readonly string[]) =>
    runTool({
      file: etcdPrograms[1],
      env: { ETCDCTL_API: '3' },
      args: ['--endpoints', urlOf(store.client), ...args],
    });
  try {
    const answers = () => ctl(['endpoint', 'health']).then(() => true);
    await until('etcd answers', answers, { timeoutMs: startTimeoutMs });
  } catch (error) {
    await daemon.kill();
    throw error;
  }
  return {
    address: `${store.client.host}:${store.client.port}`,
    /** Deletes everything below a prefix. */
    forget: async (prefix: string) => {
      await ctl(['del', '--prefix', prefix]);
    },
    close: async () => {
      await daemon.kill();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
