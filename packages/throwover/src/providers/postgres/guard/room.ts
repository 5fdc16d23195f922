import { readFile } from 'node:fs/promises';
import type { Clock } from '../../../kernel/kernel.ts';
import type { GuardConfig } from '../config.ts';
import { type Postmaster, signal } from './postmaster.ts';

/** Longest wait for a session to end, ms; an idle one takes about 1 ms. */
const endPatienceMs = 1_000;

const endPollMs = 2;

/** The process title of an idle session: `postgres: [CLUSTER: ]USER DATABASE HOST(PORT) idle`. */
const idleTitle = /^postgres: (?:.*: )?(\S+) \S+ \S+ idle$/;

/**
 * Returns the process ids of the server's own processes. Only Linux shows them; elsewhere the
 * result is empty.
 */
export async function postmasterChildren(postmaster: Postmaster): Promise<ReadonlySet<number>> {
  const pid = postmaster.pid();
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return new Set(text.split(' ').filter(Boolean).map(Number));
}

/** Returns the title of a process; empty when it is gone. */
export async function titleOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return text.replaceAll('\0', ' ').trim();
}

/**
 * Ends one session of the application that is idle at this moment, found by its process title
 * because there is no connection to ask with. The application will open another one. Returns false
 * if there is no such session.
 */
export async function endIdleSession(parts: {
  readonly config: GuardConfig;
  readonly clock: Clock;
  readonly postmaster: Postmaster;
}): Promise<boolean> {
  const { config, clock, postmaster } = parts;
  for (const pid of await postmasterChildren(postmaster)) {
    const user = idleTitle.exec(await titleOf(pid))?.[1];
    if (user === undefined || !config.applicationRoles.includes(user)) continue;
    signal(pid, 'SIGTERM');
    const deadline = clock.monotonicMs() + endPatienceMs;
    while ((await titleOf(pid)) !== '') {
      if (clock.monotonicMs() > deadline) break;
      await clock.sleep(endPollMs);
    }
    return true;
  }
  return false;
}
