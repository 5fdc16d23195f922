/**
 * The program of one instance: loads the handler (`_HANDLER` below `LAMBDA_TASK_ROOT`, as in
 * Lambda, but only a `.ts` file), and answers requests. The pool sends one at a time. It ends with
 * its pool, because then the IPC channel closes, or at once when the handler does not load.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { FromInstance, FunctionError, ToInstance } from './messages.ts';

type Handler = (event: unknown, context: { readonly awsRequestId: string }) => Promise<unknown>;

process.on('disconnect', () => process.exit(0));
/** A terminal sends Ctrl-C to the whole group, but the pool decides when its instances end. */
process.on('SIGINT', () => {});

function say(message: FromInstance): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected) return resolve();
    process.send?.(message, undefined, undefined, () => resolve());
  });
}

function describe(error: unknown): FunctionError {
  if (!(error instanceof Error)) return { errorType: 'Error', errorMessage: String(error) };
  return {
    errorType: error.name,
    errorMessage: error.message,
    trace: (error.stack ?? '').split('\n'),
  };
}

async function load(): Promise<Handler> {
  const name = process.env['_HANDLER'] ?? '';
  const dot = name.lastIndexOf('.');
  const file = join(process.env['LAMBDA_TASK_ROOT'] ?? '', `${name.slice(0, dot)}.ts`);
  const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  const handler = module[name.slice(dot + 1)];
  if (typeof handler !== 'function') throw new TypeError(`${name} is not a function in ${file}`);
  return handler as Handler;
}

try {
  const handler = await load();
  process.on('message', async (message: ToInstance) => {
    const { requestId, payload } = message;
    try {
      const answer = await handler(JSON.parse(payload), { awsRequestId: requestId });
      await say({ type: 'answer', requestId, payload: JSON.stringify(answer ?? null) });
    } catch (error) {
      await say({ type: 'failed', requestId, error: describe(error) });
    }
  });
  await say({ type: 'ready' });
} catch (error) {
  await say({ type: 'init-failed', error: describe(error) });
  process.exit(1);
}
