import type { Server } from 'node:http';
import type { TrustEvent } from '../access/access.ts';
import { startWith } from '../access/configured.ts';
import type { Machine } from '../access/machine.ts';
import {
  type Clock,
  closeServer,
  type Endpoint,
  every,
  isoTime,
  listenAt,
  type Random,
  systemClock,
  systemRandom,
  urlOf,
} from '../kernel/kernel.ts';
import { mustBeProtected } from '../wire/control-server.ts';
import { createAdmin } from './admin.ts';
import { type GatewayConfig, parseGatewayConfig } from './config.ts';
import { Dispatcher, type Log } from './dispatcher.ts';
import { webhookErrors } from './errors.ts';
import { createIntake, type Intake } from './intake.ts';
import { EventJournal } from './journal.ts';
import { Modes } from './modes.ts';
import { type Verifier, verifierOf } from './signatures.ts';
import type { GatewayDetails } from './wire.ts';

/** How long requests that are being read may continue when the gateway ends, ms. */
const CLOSE_GRACE_MS = 2_000;

export interface RunningGateway {
  /** Base URLs, with the actual port if the configuration says 0. */
  readonly url: string;
  readonly adminUrl: string;
  /** Accepts no more events, lets deliveries in flight end, commits the writes that wait. */
  close(): Promise<void>;
}

export interface GatewayOptions {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly log?: Log;
}

/**
 * Starts a webhook gateway, which runs until it is closed. It is in the data path: it needs its
 * disk and the active region's door, but no control plane (A5).
 *
 * Throws `gateway-config-invalid`, `secret-missing`, `gateway-port-taken`, `gateway-listen-failed`,
 * `gateway-journal-in-use`, `gateway-journal-unusable`; after an error nothing is left running.
 */
export async function startGateway(
  input: unknown,
  options: GatewayOptions = {},
): Promise<RunningGateway> {
  const config = parseGatewayConfig(input);
  const clock = options.clock ?? systemClock;
  const log = options.log ?? logTo(process.stderr, clock);
  const { region, adminHost, adminPort, identity, insecure } = config;
  mustBeProtected({ host: adminHost, port: adminPort }, { identity, insecure });
  const asGateway = {
    ...{ expected: { role: 'gateway' as const, region }, clock },
    onEvent: (event: TrustEvent) => log('warn', event.type, { ...event }),
  } as const;
  return startWith(identity, asGateway, (machine) =>
    startAs(machine, config, { ...options, clock, log }),
  );
}

async function startAs(
  machine: Machine | null,
  config: GatewayConfig,
  options: GatewayOptions & { readonly clock: Clock; readonly log: Log },
): Promise<RunningGateway> {
  const { clock, log, random = systemRandom } = options;
  const { adminHost, adminPort } = config;
  const verifiers = await verifiersOf(config, clock, options.env ?? process.env);

  const journal = new EventJournal(config.dataDir, { maxBytes: config.journalMaxBytes });
  const sources = Object.entries(config.sources).map(([name, { path }]) => ({
    name,
    path,
    signatureHeader: verifiers.get(name)?.signatureHeader ?? null,
  }));
  const { delivery } = config;
  const dispatcher = new Dispatcher({ journal, sources, delivery, clock, random, log });
  const intake = createIntake({
    journal,
    verifiers,
    clock,
    onStored: (source) => dispatcher.arrived(source),
  });
  const closed = new AbortController();
  const modes = new Modes({ journal, dispatcher, initial: initialMode(config) });
  const details = () => detailsOf({ config, journal, dispatcher, intake, modes, clock });
  const admin = createAdmin({ modes, journal, details, machine });
  const close = async () => {
    closed.abort();
    intake.refuse();
    const ending = { clock, graceMs: CLOSE_GRACE_MS };
    await Promise.all([closeServer(intake.server, ending), closeServer(admin, ending)]);
    await modes.close();
    journal.close();
    await machine?.close();
  };
  try {
    const url = await listen(intake.server, config);
    const adminUrl = await listen(
      admin,
      { host: adminHost, port: adminPort },
      machine === null ? 'http' : 'https',
    );
    modes.start();
    void pruneLoop({ config, journal, clock, log, signal: closed.signal });
    log('info', 'gateway-started', { region: config.region, url, adminUrl, ...journal.totals });
    return { url, adminUrl, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function verifiersOf(config: GatewayConfig, clock: Clock, env: GatewayOptions['env'] = {}) {
  const verifiers = new Map<string, Verifier>();
  for (const [name, source] of Object.entries(config.sources)) {
    verifiers.set(name, await verifierOf(source, { clock, env }));
  }
  return verifiers;
}

function initialMode({ initial }: GatewayConfig) {
  return initial === null
    ? ({ mode: 'hold', epoch: 0 } as const)
    : ({ mode: 'deliver', ...initial } as const);
}

function detailsOf(parts: {
  config: GatewayConfig;
  journal: EventJournal;
  dispatcher: Dispatcher;
  intake: Intake;
  modes: Modes;
  clock: Clock;
}): GatewayDetails {
  const { config, journal, dispatcher, intake, modes, clock } = parts;
  const { accepted, delivered, dead, backlog } = journal.totals;
  const oldest = journal.oldestPendingMs();
  const waiting = journal.waiting();
  return {
    region: config.region,
    current: modes.current.mode,
    token: modes.current.token,
    backlog,
    refusedWaiting: waiting.refused,
    redelivering: waiting.redelivering,
    inFlight: dispatcher.inFlight,
    accepted,
    delivered,
    deadLetters: dead,
    oldestMs: oldest === null ? null : Math.max(0, clock.wallMs() - oldest),
    journal: {
      state: journal.failure === null ? 'open' : 'stopped',
      error: journal.failure?.message ?? null,
    },
    away: dispatcher.away,
    sources: intake.counts,
  };
}

async function pruneLoop(parts: {
  config: GatewayConfig;
  journal: EventJournal;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}): Promise<void> {
  const { config, journal, clock, log, signal } = parts;
  const { retentionMs, pruneEveryMs: pauseMs } = config;
  const failed = (error: unknown) => log('error', 'pruning-failed', { error: String(error) });
  await every({ clock, pauseMs, signal, failed }, async () => {
    const pruned = await journal.prune(clock.wallMs() - retentionMs);
    if (pruned > 0) log('info', 'events-pruned', { pruned });
  });
}

async function listen(server: Server, { host, port }: Endpoint, scheme = 'http'): Promise<string> {
  const at = await listenAt(server, { host, port }, ({ taken, message, cause }) => {
    const code = taken ? 'gateway-port-taken' : 'gateway-listen-failed';
    return webhookErrors.make(code, message, { host, port }, cause);
  });
  return urlOf(at, scheme);
}

function logTo(stream: NodeJS.WritableStream, clock: Clock): Log {
  return (level, event, fields) => {
    stream.write(`${JSON.stringify({ at: isoTime(clock.wallMs()), level, event, ...fields })}\n`);
  };
}
