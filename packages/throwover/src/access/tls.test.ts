import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { expect, it } from 'vitest';
import { systemClock } from '../kernel/kernel.ts';
import { anchorOf } from './certificate.ts';
import { type Issued, issueMachine, newAuthority } from './issuing.ts';
import { type Judgement, judge } from './judge.ts';
import { parseName } from './names.ts';

const dayMs = 86_400_000;

function issued(authority: Issued, uri: string, days: number): Issued {
  const name = parseName(uri);
  if (name === null) throw new Error('not a name');
  const nowMs = systemClock.wallMs();
  const notBeforeMs = nowMs - 100 * dayMs;
  return issueMachine({
    authority,
    name,
    hosts: [],
    notBeforeMs,
    notAfterMs: nowMs + days * dayMs,
  });
}

/** Connects with TLS 1.3 and returns how each side judges the other's certificate. */
async function judgedOverTls(trusted: Issued, server: Issued, client: Issued | null) {
  const judged = (socket: TLSSocket, peerIs: 'client' | 'server'): Judgement =>
    judge(socket.getPeerX509Certificate()?.raw ?? null, {
      anchors: [anchorOf(new X509Certificate(trusted.certificate))],
      ...{ service: 'checkout', peerIs, nowWallMs: systemClock.wallMs() },
      isRevoked: () => false,
      newestOf: () => null,
    });
  const shared = { minVersion: 'TLSv1.3', rejectUnauthorized: false } as const;
  const listening = createServer({
    ...{ ...shared, cert: server.certificate, key: server.key },
    ...{ ca: trusted.certificate, requestCert: true },
  });
  const accepted = once(listening, 'secureConnection');
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  const own = client === null ? {} : { cert: client.certificate, key: client.key };
  const socket = connect({ ...shared, host: '127.0.0.1', port, ...own });
  await once(socket, 'secureConnect');
  const [peer] = (await accepted) as [TLSSocket];
  const result = {
    client: judged(peer, 'client'),
    server: judged(socket, 'server'),
    byNode: peer.authorizationError?.toString() ?? null,
  };
  peer.destroy();
  socket.destroy();
  listening.close();
  await once(listening, 'close');
  return result;
}

const nowWallMs = systemClock.wallMs() - 200 * dayMs;
const authority = newAuthority({ number: 1, nowWallMs });
const server = issued(authority, 'throwover://checkout/guard/east/1', 30);

it('each side of a TLS 1.3 connection judges the other', async () => {
  const client = issued(authority, 'throwover://checkout/controller/1', 30);
  expect(await judgedOverTls(authority, server, client)).toMatchObject({
    client: { state: 'valid', name: { role: 'controller' } },
    server: { state: 'valid', name: { role: 'guard', region: 'east' } },
    byNode: null,
  });
});

it('a client without a certificate has none', async () => {
  expect(await judgedOverTls(authority, server, null)).toMatchObject({
    client: { reason: 'no-certificate' },
    server: { state: 'valid' },
  });
});

it('an expired certificate is told apart from an expired one of a foreign authority', async () => {
  const uri = 'throwover://checkout/controller/1';
  const expired = issued(authority, uri, -1);
  expect(await judgedOverTls(authority, server, expired)).toMatchObject({
    client: { state: 'expired', name: { role: 'controller' } },
    byNode: 'CERT_HAS_EXPIRED',
  });
  const foreign = issued(newAuthority({ number: 1, nowWallMs }), uri, -1);
  expect(await judgedOverTls(authority, server, foreign)).toMatchObject({
    client: { reason: 'foreign-issuer' },
  });
});
