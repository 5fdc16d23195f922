import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Hono } from 'hono';
import { guardWitness } from '../compose.ts';
import { isoTime } from '../kernel/kernel.ts';
import type { RunningServer } from '../server/serve.ts';
import { type DnsParts, startDnsParts } from './dns-serve.ts';
import { cliErrors } from './errors.ts';
import type { Session } from './session.ts';
import type { Terminal } from './terminal.ts';

/** A process that listens until it is told to end. */
interface Listening {
  /** Printed as one JSON line on stdout: it is ready, and where. */
  readonly addresses: Readonly<Record<string, string>>;
  /** What it does by itself; begun when it has said that it is ready. */
  begin?(): void;
  close(): Promise<void>;
}

/**
 * `throwover serve`: the store, in the third place. For each `--service` it samples replication, and
 * carries on runs whose controller is gone, and fails over where a standing policy says so; what it did
 * is a JSON line on stdout each.
 */
export function serve(
  terminal: Terminal,
  options: { data: string; host: string; port: number; service: readonly string[] },
): Promise<void> {
  return listen(terminal, 'serve', async () => {
    const { startServe } = await import('../server/serve.ts');
    const { clock, random } = terminal;
    const { data: dataDir, host, port } = options;
    const sessions = await openSessions(terminal, options.service);
    const dns = await startDnsParts(terminal, sessions);
    const [{ MetricsRoute }, { inThisProcess }] = await Promise.all([
      import('./metrics-serve.ts'),
      import('./in-this-process.ts'),
    ]);
    const metrics = new MetricsRoute();
    const routes = (app: Hono) => {
      dns.routes(app);
      metrics.routes(app);
    };
    const server = await startServe({ host, port, dataDir, clock, random, routes }).catch(
      async (error) => {
        await dns.close();
        throw error;
      },
    );
    const local = sessions.map((session) => inThisProcess(session, server, clock));
    metrics.watch(local);
    const care = careOf(terminal, local, server, dns);
    return {
      addresses: { url: server.url },
      begin: care.begin,
      close: async () => {
        await care.end();
        await dns.close();
        await server.close();
      },
    };
  });
}

/** A wrong file is refused before anything listens. */
async function openSessions(
  { clock, random, env, stdout }: Terminal,
  files: readonly string[],
): Promise<readonly Session[]> {
  const { openSession } = await import('./session.ts');
  const say = (text: string) => stdout.write(`${JSON.stringify({ event: 'not-told', text })}\n`);
  const sessions: Session[] = [];
  try {
    for (const configPath of files) {
      sessions.push(await openSession({ configPath, clock, random, env, say }));
    }
  } catch (error) {
    await Promise.all(sessions.map(({ parts }) => parts.close()));
    throw error;
  }
  return sessions;
}

/** Looks after the services until it is stopped; asks the store in this process, not over the network. */
function careOf(
  { clock, random, stdout }: Terminal,
  opened: readonly Session[],
  server: RunningServer,
  dns: DnsParts,
): { begin(): void; end(): Promise<void> } {
  const stop = new AbortController();
  const { signal } = stop;
  const log = (event: object) =>
    stdout.write(`${JSON.stringify({ at: isoTime(clock.wallMs()), ...event })}\n`);
  const look = async (session: Session) => {
    const [
      { caretake },
      { keepDrills },
      { keepDoors },
      { keepStanding },
      { watchLag },
      { watchStragglers },
      { watchFunctions },
    ] = await Promise.all([
      import('./caretaker.ts'),
      import('./drill-serve.ts'),
      import('./doorkeeper.ts'),
      import('./standing.ts'),
      import('../server/lag-watch.ts'),
      import('../server/straggler-watch.ts'),
      import('./functions-serve.ts'),
    ]);
    const service = session.loaded.service.name;
    const sides = session.parts.regions.map(({ database }) => database);
    const { store, evidence } = session.parts;
    await Promise.all([
      watchLag({ service, sides, log: server.lag, clock, signal }),
      caretake({ session, signal, log }),
      keepDrills({ session, signal, log }),
      keepDoors({ session, signal, log }),
      keepStanding({ session, signal, random, log }),
      watchStragglers({
        service,
        doors: session.parts.doorCounts,
        ttlMs: session.loaded.service.traffic.ttlMs,
        timeScale: session.loaded.service.timeScale,
        store,
        evidence,
        resolverOf: dns.resolverOf,
        clock,
        signal,
      }),
      watchFunctions({ session, evidence, signal }),
      dns.watch(session, evidence, signal),
    ]);
  };
  let loops: readonly Promise<void>[] = [];
  return {
    begin: () => {
      loops = opened.map(look);
    },
    end: async () => {
      stop.abort();
      await Promise.all(loops);
      await Promise.all(opened.map(({ parts }) => parts.close()));
    },
  };
}

/** `throwover guard`: the small process beside a database. */
export function guard(terminal: Terminal, config: string): Promise<void> {
  return listen(terminal, 'guard', async () => {
    const { startGuard } = await import('../providers/postgres/guard/guard.ts');
    const { clock } = terminal;
    const running = await startGuard(await readJson(config), {
      clock,
      witness: guardWitness(clock),
    });
    const { host, port } = running.address;
    return { addresses: { url: `http://${host}:${port}` }, close: () => running.close() };
  });
}

/** `throwover guard --pre-start`: the door is closed when the unit that calls this starts PostgreSQL. */
export async function guardPreStart({ clock }: Terminal, config: string): Promise<void> {
  const { closeBeforeStart } = await import('../providers/postgres/guard/pre-start.ts');
  await closeBeforeStart(await readJson(config), { clock });
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

/** `throwover edge`: the front door of a region, before an application that is reached over HTTP. */
export function edge(terminal: Terminal, config: string): Promise<void> {
  return listen(terminal, 'edge', async () => {
    const { startEdge } = await import('../traffic/edge-process.ts');
    const { url, adminUrl, close } = await startEdge(await readJson(config), terminal.clock);
    return { addresses: { url, adminUrl }, close };
  });
}

/** `throwover dns canary`: the authoritative server of the canary zone, by itself. */
export function dnsCanary(
  terminal: Terminal,
  options: {
    zone: string;
    listen: string;
    admin?: string;
    nameserver: readonly { name: string; addresses: readonly string[] }[];
    rate?: number;
  },
): Promise<void> {
  return listen(terminal, 'canary', async () => {
    const [{ startCanary }, { startCanaryAdmin }, { canarySchema, parseSocket }] =
      await Promise.all([
        import('../traffic/canary/canary.ts'),
        import('../server/canary-routes.ts'),
        import('../service/service.ts'),
      ]);
    const { zone, listen: where, nameserver: nameservers, rate } = options;
    const declared = canarySchema.parse({
      zone,
      nameservers,
      ...(rate === undefined ? {} : { answersPerSecond: rate }),
    });
    const canary = await startCanary({
      zone: { ...declared, ttlSeconds: declared.ttlMs / 1_000 },
      ...socketGiven(where, parseSocket),
      answersPerSecond: declared.answersPerSecond,
      clock: terminal.clock,
    });
    const { listen: dns } = canary.status();
    if (options.admin === undefined) return { addresses: { dns }, close: () => canary.close() };
    const socket = socketGiven(options.admin, parseSocket);
    const admin = await startCanaryAdmin(canary, socket).catch(async (error) => {
      await canary.close();
      throw error;
    });
    return {
      addresses: { dns, adminUrl: admin.url },
      close: async () => {
        await admin.close();
        await canary.close();
      },
    };
  });
}

/** `192.0.2.1:53`, `[::]:53`; port 0 takes a free one. */
function socketGiven(
  text: string,
  parse: (text: string) => { readonly host: string; readonly port: number },
) {
  const socket = parse(text);
  if (isIP(socket.host) !== 0 && socket.port <= 65_535) return socket;
  throw cliErrors.make('usage-wrong', `${text}: expected an address and a port: 192.0.2.1:53`);
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
    const { addresses, begin, close } = await start();
    terminal.stdout.write(`${JSON.stringify({ ready: name, ...addresses })}\n`);
    begin?.();
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
