import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export const name = 'checkout.example.test';
export const first = { name, type: 'A', ttlSeconds: 60, values: ['127.0.1.1'], generation: null };

/** A server that keeps the contract of docs/dns-providers.md, as a team would write it. */
export async function startApi(
  options: {
    token?: string;
    record?: object;
    answer?: (request: IncomingMessage) => object | null;
  } = {},
) {
  let record: object = options.record ?? first;
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
