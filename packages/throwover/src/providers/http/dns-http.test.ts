import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { dnsConformance } from '../../traffic/conformance.ts';
import { httpDns } from './dns-http.ts';

const name = 'checkout.example.test';
const first = { name, type: 'A', ttlSeconds: 60, values: ['127.0.1.1'], generation: null };

/** The contract of docs/dns-providers.md, as a team would keep it. */
async function startApi(
  options: { token?: string; answer?: (request: IncomingMessage) => object | null } = {},
) {
  let record: object = first;
  let version = 1;
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const say = (status: number, json: object | null = null) => {
      response.writeHead(status, { 'content-type': 'application/json', etag: `"${version}"` });
      response.end(json === null ? '' : JSON.stringify(json));
    };
    const { authorization, 'if-match': match } = request.headers;
    const odd = options.answer?.(request) ?? null;
    if (odd !== null) return say(200, odd);
    if (options.token !== undefined && authorization !== `Bearer ${options.token}`) return say(403);
    if (request.method === 'GET') return say(200, record);
    if (match !== `"${version}"`) return say(412);
    record = JSON.parse(body) as object;
    version += 1;
    say(204);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/record`,
    tamper: async () => {
      record = { ...record, values: ['127.0.9.9'] };
      version += 1;
    },
    stop: async () => {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

dnsConformance('generic HTTP', async () => {
  const api = await startApi({ token: 'a-token' });
  const open = () => httpDns({ url: api.url, name, type: 'A', token: async () => 'a-token' });
  return {
    open,
    east: ['127.0.1.1'],
    west: ['127.0.2.1', '127.0.2.2'],
    tamper: api.tamper,
    ask: () => open().readBack(),
    stop: api.stop,
  };
});

describe('an API that does not keep the contract is refused, and named', () => {
  const cases: [string, object, string][] = [
    ['an empty answer', { ...first, values: [] }, 'values'],
    ['another record', { ...first, name: 'other.example.test' }, 'it is the record other'],
    ['something else', { hello: true }, 'does not keep the contract'],
  ];
  test.each(cases)('%s', async (_, answer, words) => {
    const api = await startApi({ answer: () => answer });
    try {
      await expect(
        httpDns({ url: api.url, name, type: 'A', token: null }).read(),
      ).rejects.toMatchObject({ code: 'dns-refused', message: expect.stringContaining(words) });
    } finally {
      await api.stop();
    }
  });

  test('a token that is not taken', async () => {
    const api = await startApi({ token: 'right' });
    try {
      const dns = httpDns({ url: api.url, name, type: 'A', token: async () => 'wrong' });
      await expect(dns.read()).rejects.toMatchObject({
        code: 'dns-refused',
        message: expect.stringContaining('403'),
      });
    } finally {
      await api.stop();
    }
  });
});
