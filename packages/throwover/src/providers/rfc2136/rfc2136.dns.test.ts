import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../kernel/kernel.ts';
import { dnsConformance } from '../../traffic/conformance.ts';
import { askNameservers } from '../nameservers.ts';
import { type Rfc2136Options, rfc2136Dns } from './rfc2136.ts';
import {
  isInstalled,
  type KeyOptions,
  keyName,
  name,
  serverNames,
  startUpdateServer,
  type UpdateServer,
  zone,
} from './servers.fixture.ts';
import { parseServer } from './tcp.ts';

const key: KeyOptions = {
  algorithm: 'hmac-sha256',
  secret: randomBytes(32).toString('base64'),
};

function provider(server: UpdateServer, options: Partial<Rfc2136Options> = {}, from = key) {
  return rfc2136Dns({
    server: server.address,
    zone,
    name,
    type: 'A',
    key: { name: keyName, algorithm: from.algorithm, secret: async () => from.secret },
    clock: systemClock,
    ...options,
  });
}

/** A proxy between a provider and its server, which sees whole answers. */
async function startProxy(address: string, change: (answer: Buffer) => void) {
  const { host, port } = parseServer(address);
  const proxy = createServer((socket) => {
    const upstream = connect({ host, port });
    socket.pipe(upstream);
    let read = Buffer.alloc(0);
    upstream.on('data', (chunk: Buffer) => {
      read = Buffer.concat([read, chunk]);
      if (read.length < 2 || read.length < read.readUInt16BE(0) + 2) return;
      change(read.subarray(2));
      socket.end(read);
    });
    for (const end of [socket, upstream]) end.on('error', () => {});
    socket.on('close', () => upstream.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    stop: async () => {
      proxy.close();
      await once(proxy, 'close');
    },
  };
}

const installed = await Promise.all(serverNames.map(isInstalled));

for (const [index, serverName] of serverNames.entries()) {
  const missing = installed[index] !== true;
  describe.skipIf(missing)(`${serverName}${missing ? ' is not installed' : ''}`, () => {
    let running: UpdateServer | undefined;
    afterEach(() => running?.stop());
    const start = async (from = key) => {
      running = await startUpdateServer(serverName, from);
      return running;
    };

    dnsConformance(`RFC 2136 at ${serverName}`, async () => {
      const server = await start();
      const other = provider(server);
      return {
        open: () => provider(server),
        east: ['127.0.1.1'],
        west: ['127.0.2.1', '127.0.2.2'],
        tamper: async () => {
          const now = await other.read();
          await other.replace(now, { ...now, values: ['127.0.9.9'] });
        },
        ask: () => askNameservers([server.address], { name, type: 'A' }),
        stop: server.stop,
      };
    });

    test('another secret, another key name and an old clock are refused, and change nothing', async () => {
      const server = await start();
      const right = provider(server);
      const old = await right.adopt({ epoch: 1, region: 'east' });
      const next = {
        ...old,
        values: ['127.0.2.1'],
        generation: { number: 2, epoch: 2, region: 'west' },
      };
      const wrong = [
        provider(server, {}, { ...key, secret: randomBytes(32).toString('base64') }),
        provider(server, {
          key: {
            name: 'nobody.example.test',
            algorithm: key.algorithm,
            secret: async () => key.secret,
          },
        }),
        provider(server, {
          clock: { ...systemClock, wallMs: () => systemClock.wallMs() - 3_600_000 },
        }),
      ];
      for (const dns of wrong) {
        await expect(dns.replace(old, next)).rejects.toMatchObject({ code: 'dns-refused' });
      }
      expect(await right.read()).toEqual(old);
    });

    test('an answer that was changed on its way, or made by somebody else, is not believed', async () => {
      const server = await start();
      const right = provider(server);
      const old = await right.adopt({ epoch: 1, region: 'east' });
      const generation = { number: 2, epoch: 2, region: 'west' };
      const proxy = await startProxy(server.address, (answer) => {
        // Swaps NOERROR and YXRRSET: "done" becomes "lost", and "lost" becomes "done".
        const update = ((answer[2] ?? 0) & 0x78) === 5 << 3;
        if (update) answer[3] = (answer[3] ?? 0) ^ 7;
      });
      try {
        const dns = provider({ address: proxy.address, stop: proxy.stop });
        await expect(
          dns.replace(old, { ...old, values: ['127.0.2.1'], generation }),
        ).rejects.toMatchObject({
          code: 'dns-unreachable',
          message: expect.stringContaining('the signature is wrong'),
        });
      } finally {
        await proxy.stop();
      }
      // The client does not know whether the change was made, so it reads again: it was made.
      expect((await right.read()).generation).toEqual(generation);
    });

    test('HMAC-SHA512, IPv6 addresses and host names', async () => {
      const strong: KeyOptions = {
        algorithm: 'hmac-sha512',
        secret: randomBytes(64).toString('base64'),
      };
      const server = await start(strong);
      const six = provider(server, { name: 'checkout6.example.test', type: 'AAAA' }, strong);
      const old = await six.adopt({ epoch: 1, region: 'east' });
      const generation = { number: 2, epoch: 2, region: 'west' };
      await six.replace(old, { ...old, values: ['fd00::2', 'fd00::3'], generation });
      expect((await six.read()).values).toEqual(['fd00::2', 'fd00::3']);
      const alias = provider(server, { name: 'alias.example.test', type: 'CNAME' }, strong);
      const host = await alias.adopt({ epoch: 1, region: 'east' });
      expect(host.values).toEqual(['east.example.test']);
      await alias.replace(host, { ...host, values: ['west.example.test.'], generation });
      expect(await alias.readBack()).toEqual(['west.example.test']);
    });

    test('a name that is not there, and a zone that is not there', async () => {
      const server = await start();
      await expect(provider(server, { name: 'nobody.example.test' }).read()).rejects.toMatchObject({
        code: 'dns-record-missing',
      });
      await expect(
        provider(server, { name: 'checkout.elsewhere.test', zone: 'elsewhere.test' }).read(),
      ).rejects.toMatchObject({ code: 'dns-refused' });
    });
  });
}
