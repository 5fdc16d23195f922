import { readFile } from 'node:fs/promises';
import { cliErrors } from './errors.ts';
import type { Terminal } from './terminal.ts';

/** A process that listens until it is told to end. */
interface Listening {
  /** Printed as one JSON line on stdout: it is ready, and where. */
  readonly addresses: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** `throwover serve`: the store, in the third place. */
export function serve(
  terminal: Terminal,
  options: { data: string; host: string; port: number },
): Promise<void> {
  return listen(terminal, 'serve', async () => {
    const { startServe } = await import('../server/serve.ts');
    const { clock, random } = terminal;
    const { data: dataDir, host, port } = options;
    const server = await startServe({ host, port, dataDir, clock, random });
    return { addresses: { url: server.url }, close: () => server.close() };
  });
}

/** `throwover guard`: the small process beside a database. */
export function guard(terminal: Terminal, config: string): Promise<void> {
  return listen(terminal, 'guard', async () => {
    const { startGuard } = await import('../providers/postgres/guard/guard.ts');
    const running = await startGuard(await readJson(config), terminal.clock);
    const { host, port } = running.address;
    return { addresses: { url: `http://${host}:${port}` }, close: () => running.close() };
  });
}

/** `throwover gateway`: the webhook gateway of a region. */
export function gateway(terminal: Terminal, config: string): Promise<void> {
  return listen(terminal, 'gateway', async () => {
    const { startGateway } = await import('../webhooks/webhooks.ts');
    const { clock, random, env } = terminal;
    const running = await startGateway(await readJson(config), { clock, random, env });
    const { url, adminUrl } = running;
    return { addresses: { url, adminUrl }, close: () => running.close() };
  });
}

/** Starts, says `ready`, waits for Ctrl-C or SIGTERM, closes. */
async function listen(
  terminal: Terminal,
  name: string,
  start: () => Promise<Listening>,
): Promise<void> {
  // Listened for from the beginning: a signal during the start still ends it cleanly.
  const told = Promise.withResolvers<void>();
  const stopListening = terminal.onSignal(() => told.resolve());
  try {
    const { addresses, close } = await start();
    terminal.stdout.write(`${JSON.stringify({ ready: name, ...addresses })}\n`);
    await told.promise;
    await close();
  } finally {
    stopListening();
  }
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw cliErrors.make('process-config-wrong', `${path}: ${reason}`, { path }, error);
  }
}
