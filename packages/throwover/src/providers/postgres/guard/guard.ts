/**
 * The small process beside one database: what a region does to its PostgreSQL, near it.
 *
 *   server.ts             commands over HTTP
 *   side.ts               what a command works with
 *   state.ts              what must not be forgotten: highest token, fence, how it was attached
 *   postmaster.ts         starts, finds, stops PostgreSQL, which outlives this process
 *   host-based-access.ts  the fence's lines in pg_hba.conf
 *   fence.ts promote.ts attach.ts status.ts   the commands
 *   promotions.ts         the rows that say which epoch began on which timeline
 *   standby-files.ts rewind.ts base-backup.ts  the three ways to become a standby
 */
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { type Clock, systemClock } from '../../../kernel/kernel.ts';
import { type GuardConfig, parseGuardConfig } from '../config.ts';
import { postgresErrors } from '../errors.ts';
import { attach } from './attach.ts';
import { fence, unfence } from './fence.ts';
import { promote } from './promote.ts';
import { guardApp, type Handlers } from './server.ts';
import { openSide, type Side } from './side.ts';
import { finishReplacing } from './standby-files.ts';
import { statusOf } from './status.ts';

/** Longest checkpoint, ms: the port's own deadline. */
const checkpointTimeoutMs = 15_000;

export interface RunningGuard {
  readonly address: { readonly host: string; readonly port: number };
  /** Ends the guard; the database goes on. */
  close(): Promise<void>;
}

/** Listens for commands, with the database running unless a command had stopped it. */
export async function startGuard(
  input: unknown,
  clock: Clock = systemClock,
): Promise<RunningGuard> {
  const config = parseGuardConfig(input);
  const side = await openSide(config, clock);
  const server = createAdaptorServer({ fetch: guardApp(handlersOf(side)).fetch });
  // The port first: two guards of one database would not both get past it.
  await listen(server, config.listen);
  try {
    await startDatabase(side);
  } catch (error) {
    server.close();
    throw error;
  }
  const { address, port } = server.address() as AddressInfo;
  return {
    address: { host: address, port },
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      });
      await Promise.all([side.sql.close(), side.watch.close()]);
    },
  };
}

async function startDatabase(side: Side): Promise<void> {
  const { startDatabase, dataDir } = side.config.postgres;
  await finishReplacing(dataDir);
  if (startDatabase && !side.state.current.stopped) await side.postmaster.start();
}

function handlersOf(side: Side): Handlers {
  const alone = oneAtATime();
  const command =
    <Input extends { readonly token: number }, Output>(
      act: (input: Input) => Promise<Output>,
    ): ((input: Input) => Promise<Output>) =>
    (input) =>
      alone(async () => {
        await side.state.admit(input.token);
        return act(input);
      });
  const status = statusOf(side);
  return {
    status,
    checkpoint: command(async () => {
      await side.sql.rows('CHECKPOINT', [], checkpointTimeoutMs);
      return {};
    }),
    fence: command((input) => fence(side, input)),
    unfence: command(async () => {
      await unfence(side);
      return {};
    }),
    promote: command((input) => promote(side, input)),
    stop: command(async () => {
      await side.state.change({ stopped: true });
      await side.postmaster.stop('immediate');
      return {};
    }),
    attach: command((input) => attach(side, input)),
  };
}

/** Commands that change something wait for each other: their order is the order of their effects. */
function oneAtATime() {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work, work);
    last = result.catch(() => {});
    return result;
  };
}

function listen(
  server: ReturnType<typeof createAdaptorServer>,
  { host, port }: GuardConfig['listen'],
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? postgresErrors.make(
              'guard-port-taken',
              `${host}:${port} is taken`,
              { host, port },
              error,
            )
          : error,
      ),
    );
    server.listen(port, host, () => resolve());
  });
}
