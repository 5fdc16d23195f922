import { appendFile, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import type { Endpoint } from 'throwover/kernel';
import { labErrors } from '../errors.ts';
import { commandOf, kill } from '../faults/process-tree.ts';
import { serveHttp } from '../listen.ts';

/**
 * The claim of one lab on its directory and its ports; only one lab at a time has it.
 *
 * The control port is held while the lab runs, so a second lab is refused. The pids that it started
 * are in a file, so that the next lab ends the processes that a killed lab left running.
 */
export type Claim = Awaited<ReturnType<typeof claimDirectory>>;

export async function claimDirectory(dir: string, control: Endpoint) {
  let handler: RequestListener = (_request, response) => {
    response.writeHead(503).end('the lab is starting\n');
  };
  const server = createServer((request, response) => handler(request, response));
  const listening = await serveHttp(server, control).catch((error) => {
    throw labErrors.make(
      'lab-running',
      `${control.host}:${control.port} is taken: another lab is running, or another program`,
      { port: control.port },
      error,
    );
  });
  const file = join(dir, 'pids');
  await endLeftovers(file, dir);
  return {
    /** Handles requests on the control port; until it is called, every request gets 503. */
    answer: (next: RequestListener) => {
      handler = next;
    },
    record: async (pid: number) => {
      await appendFile(file, `${pid}\n`);
    },
    release: async () => {
      await rm(file, { force: true });
      await listening.close();
    },
  };
}

/**
 * Ends processes of an earlier lab in this directory; a pid that now belongs to another program is
 * left alone.
 */
async function endLeftovers(file: string, dir: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const ours: number[] = [];
  for (const pid of text.split('\n').filter(Boolean).map(Number)) {
    if ((await commandOf(pid)).some((word) => word.includes(dir))) ours.push(pid);
  }
  if (ours.length > 0) await kill(ours);
  await rm(file, { force: true });
}
