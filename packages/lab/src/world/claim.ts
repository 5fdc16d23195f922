import { appendFile, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { labErrors } from '../errors.ts';
import { kill } from '../faults/process-tree.ts';
import type { Endpoint } from './map.ts';

/**
 * One lab at a time has a directory and its ports.
 *
 * The control port is held while the lab lives, so a second one is refused; the pids that it started
 * stand in a file, so that what a killed lab left running is ended by the next one.
 */
export interface Claim {
  /** Answers on the control port; until then every request gets 503. */
  answer(handler: RequestListener): void;
  record(pid: number): Promise<void>;
  release(): Promise<void>;
}

export async function claimDirectory(dir: string, control: Endpoint): Promise<Claim> {
  let handler: RequestListener = (_request, response) => {
    response.writeHead(503).end('the lab is starting\n');
  };
  const server = createServer((request, response) => handler(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        labErrors.make(
          'lab-running',
          `${control.host}:${control.port} is taken: another lab is running, or another program`,
          { port: control.port },
          error,
        ),
      ),
    );
    server.listen(control.port, control.host, resolve);
  });
  const file = join(dir, 'pids');
  await endLeftovers(file, dir);
  return {
    answer: (next) => {
      handler = next;
    },
    record: async (pid) => {
      await appendFile(file, `${pid}\n`);
    },
    release: async () => {
      await rm(file, { force: true });
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

/** Ends processes of an earlier lab in this directory; a pid that means something else by now is left alone. */
async function endLeftovers(file: string, dir: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const ours: number[] = [];
  for (const pid of text.split('\n').filter(Boolean).map(Number)) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(dir)) ours.push(pid);
  }
  if (ours.length > 0) await kill(ours);
  await rm(file, { force: true });
}
