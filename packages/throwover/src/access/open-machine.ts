import type { Socket } from 'node:net';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { buildConnector } from 'undici';
import { accessErrors } from './errors.ts';
import type { Identity } from './identity.ts';
import type { Accepted, Judgement } from './judge.ts';
import type { Callee, Machine, MachineOptions } from './machine.ts';
import { formatName, type MachineName, pathOfName } from './names.ts';
import { type Dated, expiryAlarm } from './notices.ts';
import { openTrust, type Trust } from './trust.ts';

/** A judgement of an open connection is made anew after this time, ms. */
const judgedForMs = 1_000;

/** Longest time for a connection with its TLS, ms. */
const connectPatienceMs = 3_000;

/** Same on both sides: no side resumes a session, so that each connection shows its certificate. */
const shared = { minVersion: 'TLSv1.3', rejectUnauthorized: false } as const;

/**
 * Opens a machine with its files. Throws `certificate-files-wrong`, also if the certificate is not
 * one of `expected`.
 */
export async function openMachine(identity: Identity, options: MachineOptions): Promise<Machine> {
  const { expected, clock, onEvent = () => {} } = options;
  const { certificate, key, trust: trusted, revocations } = identity;
  const memory = identity.memory ?? `${certificate}.seen`;
  const loaded = new Set<() => void>();
  const trust = await openTrust({
    files: { trust: trusted, certificate, key, revocations, memory },
    // Judged below: the service is the one of the own certificate.
    service: null,
    clock,
    onEvent: (event) => {
      if (event.type === 'certificate-files-loaded') for (const tell of loaded) tell();
      onEvent(event);
    },
  });
  const { name } = trust.own.accepted;
  const other = Object.entries(expected).find(
    ([part, value]) => name[part as keyof MachineName] !== value,
  );
  if (other !== undefined) {
    throw accessErrors.make(
      'certificate-files-wrong',
      `${certificate} is of ${formatName(name)}, and the configuration says ${other[0]} ${other[1]}`,
      { certificate },
    );
  }
  const ending = new AbortController();
  const watching = trust.watch(ending.signal);
  const judged = (socket: TLSSocket, peerIs: 'client' | 'server') =>
    sameService(trust.judge(derOf(socket), peerIs), name.service);
  const peers = new Map<string, Accepted>();
  const callers = new WeakMap<Socket, { readonly judgement: Judgement; readonly atMs: number }>();
  return {
    name,
    serverOptions: () => ({ ...shared, ...contextOf(trust), requestCert: true }),
    keep: (server) => {
      const tell = () => server.setSecureContext(contextOf(trust));
      loaded.add(tell);
      server.once('close', () => loaded.delete(tell));
    },
    callerOf: (socket) => {
      const nowMs = clock.monotonicMs();
      const before = callers.get(socket);
      if (before !== undefined && nowMs - before.atMs < judgedForMs) return before.judgement;
      const now = judged(socket as TLSSocket, 'client');
      // A connection stays with the certificate that it began with, also when that was renewed.
      const renewed = now.state === 'refused' && now.reason === 'superseded';
      const judgement = renewed && before !== undefined ? before.judgement : now;
      callers.set(socket, { judgement, atMs: nowMs });
      return judgement;
    },
    connectTo: (callee) => {
      const open = new Set<TLSSocket>();
      // A machine that was revoked since is not talked to any more.
      loaded.add(() => {
        for (const socket of open) {
          const now = judged(socket, 'server');
          // A renewal breaks no call that is under way.
          if (now.state === 'refused' && now.reason !== 'superseded') socket.destroy();
        }
      });
      return connector({
        ...{ trust, callee, open },
        judged: (socket, peerIs) => {
          const judgement = judged(socket, peerIs);
          if (judgement.state !== 'refused') peers.set(pathOfName(judgement.name), judgement);
          return judgement;
        },
      });
    },
    alarms: () => [
      ...trust.alarms(),
      ...[...peers.values()].flatMap((peer) => expiryAlarm(datedOf(peer), clock.wallMs()) ?? []),
    ],
    peersSeen: () => [...peers.keys()],
    close: async () => {
      ending.abort();
      await watching;
    },
  };
}

function datedOf({ name, certificate }: Accepted): Dated {
  const subject = `the certificate of ${pathOfName(name)}`;
  const remedy = `Renew it (\`throwover pki renew ${pathOfName(name)}\`) and put both files on that machine`;
  const { notBeforeMs: fromMs, notAfterMs: untilMs } = certificate;
  return { code: 'certificate-expires', ...{ subject, fromMs, untilMs, remedy } };
}

function contextOf({ own }: Trust): SecureContextOptions {
  // What a server names as acceptable issuers decides nothing.
  return { cert: own.certificate, key: own.key, ca: [...own.authorities] };
}

function derOf(socket: TLSSocket): Uint8Array | null {
  return socket.getPeerX509Certificate?.()?.raw ?? null;
}

function sameService(judgement: Judgement, service: string): Judgement {
  if (judgement.state === 'refused' || judgement.name.service === service) return judgement;
  const { name } = judgement;
  const said = `it is of the service ${name.service}, and this machine is of ${service}`;
  return { state: 'refused', reason: 'other-service', said, name };
}

/** Returns why this is not the machine that must answer; `null` if it is. */
function notThe({ role, region }: Callee, judgement: Judgement): string | null {
  if (judgement.state === 'refused') return judgement.said;
  const { name } = judgement;
  if (name.role === role && name.region === region) return null;
  const wanted = region === null ? role : `${role} of ${region}`;
  return `it is of ${formatName(name)}, and the ${wanted} must answer there`;
}

function connector(options: {
  readonly trust: Trust;
  readonly judged: (socket: TLSSocket, peerIs: 'server') => Judgement;
  readonly callee: Callee;
  readonly open: Set<TLSSocket>;
}): buildConnector.connector {
  const { trust, judged, callee, open } = options;
  let made: { readonly own: Trust['own']; readonly connect: buildConnector.connector } | null =
    null;
  const current = () => {
    if (made === null || made.own !== trust.own) {
      const tls = { ...shared, ...contextOf(trust), maxCachedSessions: 0 };
      made = { own: trust.own, connect: buildConnector({ ...tls, timeout: connectPatienceMs }) };
    }
    return made.connect;
  };
  return (target, callback) => {
    const at = `${target.hostname}:${target.port}`;
    if (target.protocol !== 'https:') {
      callback(new Error(`${at} must be an https address: this machine has a certificate`), null);
      return;
    }
    current()(target, (error, socket) => {
      if (error !== null || socket === null) {
        callback(error ?? new Error(`${at}: no connection`), null);
        return;
      }
      const secure = socket as TLSSocket;
      const why = notThe(callee, judged(secure, 'server'));
      if (why !== null) {
        secure.destroy();
        callback(new Error(`the certificate of ${at} is not accepted: ${why}`), null);
        return;
      }
      open.add(secure);
      secure.once('close', () => open.delete(secure));
      callback(null, secure);
    });
  };
}
