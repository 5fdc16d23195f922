import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { TrustEvent } from '../../access/access.ts';
import { type Identity, identityOf } from '../../access/identity.ts';
import type { Machine } from '../../access/machine.ts';
import { guardWitness } from '../../compose/compose.ts';
import { processes } from '../../compose/processes.ts';
import { errorLine, isoTime, urlOf } from '../../kernel/kernel.ts';
import type { RunningServer } from '../../server/server.ts';
import type { Routes } from '../../wire/routes.ts';
import { cliErrors } from '../errors.ts';
import type { Session } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { printableJson } from '../text/printable.ts';
import { type DnsParts, startDnsParts } from './dns-serve.ts';

/** Period of the watchers that run about every second, ms. */
const secondMs = 1_000;

/** A process that listens until it is told to end. */
interface Listening {
  /** Printed as one JSON line on stdout when the process is ready. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Starts the background work, after the process has reported that it is ready. */
  begin?(): void;
  close(): Promise<void>;
}

/**
 * `throwover serve`: the store, in the third place. For each `--service` it samples replication,
 * carries on runs whose controller is gone, and fails over where a standing policy says so. It
 * reports each action as a JSON line on stdout.
 */
export function serve(
  terminal: Terminal,
  options: {
    data: string;
    host: string;
    port: number;
    identity?: string;
    insecure?: boolean;
    service: readonly string[];
  },
): Promise<void> {
  return listen(terminal, 'serve', async () => {
    const [{ startServe }, { openSqliteStore }, { startWith }, { mustBeProtected }] =
      await Promise.all([
        import('../../server/serve.ts'),
        processes.embeddedStore(),
        import('../../access/configured.ts'),
        import('../../wire/control-server.ts'),
      ]);
    const { clock, random } = terminal;
    const { data: dataDir, host, port } = options;
    const identity = await identityIn(options.identity);
    mustBeProtected({ host, port }, { identity, insecure: options.insecure === true });
    const asServe = {
      ...{ expected: { role: 'serve' as const }, clock },
      onEvent: (event: TrustEvent) =>
        terminal.stdout.write(
          `${printableJson({ at: isoTime(clock.wallMs()), event: event.type, ...event })}\n`,
        ),
    } as const;
    return startWith(identity, asServe, async (machine) => {
      const sessions = await openSessions(terminal, { files: options.service, machine });
      const dns = await startDnsParts(terminal, sessions);
      const [{ MetricsRoute }, { inThisProcess }] = await Promise.all([
        import('./metrics-serve.ts'),
        import('./in-this-process.ts'),
      ]);
      const metrics = new MetricsRoute(clock);
      const routes = (added: Routes) => {
        dns.routes(added);
        metrics.routes(added);
      };
      const openStore = openSqliteStore;
      const serving = startServe({
        host,
        port,
        dataDir,
        openStore,
        clock,
        random,
        machine,
        routes,
      });
      const server = await serving.catch(async (error) => {
        await dns.close();
        throw error;
      });
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
          await machine?.close();
        },
      };
    });
  });
}

async function identityIn(file: string | undefined): Promise<Identity | undefined> {
  return file === undefined ? undefined : identityOf(await readJson(file), file);
}

/** Opens every session first, so that a wrong file is refused before anything listens. */
async function openSessions(
  { clock, random, env, stdout }: Terminal,
  { files, machine }: { readonly files: readonly string[]; readonly machine: Machine | null },
): Promise<readonly Session[]> {
  const { openSession } = await import('../session.ts');
  const say = (text: string) => stdout.write(`${printableJson({ event: 'not-told', text })}\n`);
  const sessions: Session[] = [];
  try {
    for (const configPath of files) {
      sessions.push(await openSession({ configPath, clock, random, env, say, machine }));
    }
  } catch (error) {
    await Promise.all(sessions.map(({ parts }) => parts.close()));
    throw error;
  }
  return sessions;
}

/**
 * Looks after the services until it is stopped; asks the store in this process, not over the
 * network.
 */
function careOf(
  { clock, random, stdout }: Terminal,
  opened: readonly Session[],
  server: RunningServer,
  dns: DnsParts,
): { begin(): void; end(): Promise<void> } {
  const stop = new AbortController();
  const { signal } = stop;
  const log = (event: object) =>
    stdout.write(`${printableJson({ at: isoTime(clock.wallMs()), ...event })}\n`);
  const look = async (session: Session, index: number) => {
    const [
      { caretake, keepDoors, keepStanding, watchClosures },
      { operated },
      { keepDrills },
      { watchLag },
      { watchStragglers },
      { watchFunctions },
      { inTurn },
    ] = await Promise.all([
      import('../../operations/operations.ts'),
      import('../session.ts'),
      import('./drill-serve.ts'),
      import('../../server/lag-watch.ts'),
      import('../../server/straggler-watch.ts'),
      import('./functions-serve.ts'),
      import('../../server/in-turn.ts'),
    ]);
    const { service: declared } = session.loaded;
    const { name: service, approval, timeScale, traffic } = declared;
    const policy = approval.standing;
    const sides = session.parts.regions.map(({ database }) => database);
    const { store, evidence } = session.parts;
    const turn = { index, count: opened.length, clock, signal };
    const minuteMs = timeScale.real(60_000);
    const failed = (watch: string) => (error: unknown) =>
      log({ event: 'watch-failed', watch, service, error: errorLine(error) });
    await Promise.all([
      inTurn(turn, secondMs, () =>
        watchLag({ service, sides, log: server.lag, clock, signal, failed: failed('lag') }),
      ),
      inTurn(turn, secondMs, () => caretake({ service: operated(session), signal, log })),
      inTurn(turn, minuteMs, () => keepDrills({ session, pauseMs: 10 * minuteMs, signal, log })),
      inTurn(turn, secondMs, () => keepDoors({ service: operated(session), signal, log })),
      inTurn(turn, secondMs, () => watchClosures({ service: operated(session), signal, log })),
      ...(policy === undefined
        ? []
        : [
            inTurn(turn, secondMs, () =>
              keepStanding({ service: operated(session), policy, signal, random, log }),
            ),
          ]),
      inTurn(turn, minuteMs, () =>
        watchStragglers({
          service,
          doors: session.parts.doorCounts,
          ttlMs: traffic.ttlMs,
          timeScale,
          store,
          evidence,
          resolverOf: dns.resolverOf,
          clock,
          signal,
          failed: failed('stragglers'),
        }),
      ),
      inTurn(turn, minuteMs, () =>
        watchFunctions({ session, evidence, signal, failed: failed('functions') }),
      ),
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
    const { startGuard } = await processes.guard();
    const { clock } = terminal;
    const running = await startGuard(await readJson(config), {
      clock,
      witness: guardWitness(clock),
    });
    return { addresses: { url: urlOf(running.address) }, close: () => running.close() };
  });
}

/** `throwover guard --pre-start`: closes the door before the calling unit starts PostgreSQL. */
export async function guardPreStart({ clock }: Terminal, config: string): Promise<void> {
  const { closeBeforeStart } = await processes.guardPreStart();
  await closeBeforeStart(await readJson(config), { clock });
}

/**
 * `throwover guard accept-cluster`: accepts a database cluster, on the guard's host and by name.
 */
export async function guardAcceptCluster(
  { stdout }: Terminal,
  options: { config: string; identifier: string; by: string },
): Promise<void> {
  const { acceptCluster } = await processes.guardLocal();
  const { config, identifier, by } = options;
  await acceptCluster(await readJson(config), { identifier, by });
  stdout.write(`${JSON.stringify({ accepted: identifier, by })}\n`);
}

/** `throwover gateway`: the webhook gateway of a region. */
export function gateway(terminal: Terminal, config: string): Promise<void> {
  return listen(terminal, 'gateway', async () => {
    const { startGateway } = await import('../../webhooks/webhooks.ts');
    const { clock, random, env } = terminal;
    const running = await startGateway(await readJson(config), { clock, random, env });
    const { url, adminUrl } = running;
    return { addresses: { url, adminUrl }, close: () => running.close() };
  });
}

/**
 * `throwover edge`: the front door of a region, in front of an application that is reached over
 * HTTP.
 */
export function edge(terminal: Terminal, config: string): Promise<void> {
  return listen(terminal, 'edge', async () => {
    const { startEdge } = await import('../../traffic/edge-process.ts');
    const { url, adminUrl, close } = await startEdge(await readJson(config), terminal.clock);
    return { addresses: { url, adminUrl }, close };
  });
}

/** `throwover dns canary`: runs only the authoritative server of the canary zone. */
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
        import('../../traffic/canary/canary.ts'),
        import('../../server/canary-routes.ts'),
        import('../../service/service.ts'),
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

/** Checks an address such as `192.0.2.1:53` or `[::]:53`; port 0 takes a free one. */
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
  // Registered before the start, so that a signal during the start still ends it cleanly.
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
