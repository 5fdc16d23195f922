import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** A process of a bench that answers messages, one after another. */
export type Child = Awaited<ReturnType<typeof startChild>>;

/** Starts a script of a bench; resolves when the script has sent its first message. */
export async function startChild(file: string, args: readonly string[]) {
  const running = fork(file, [...args], { execArgv: ['--conditions=throwover-source'] });
  const exited = once(running, 'exit');
  await Promise.race([
    once(running, 'message'),
    exited.then(() => Promise.reject(new Error(`${file} did not start`))),
  ]);
  return {
    ask: <T>(message: object) => ask<T>(running, message),
    /** Ends the process and waits until it has ended. */
    end: async () => {
      if (running.connected) running.disconnect();
      await exited;
    },
  };
}

/** Sends a message and returns the next message of the process. */
export async function ask<T>(running: ChildProcess, message: object): Promise<T> {
  const answer = once(running, 'message');
  running.send(message);
  const [figures] = await answer;
  return figures as T;
}
