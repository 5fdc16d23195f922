import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, it } from 'vitest';
import { startReceiver } from '../../../../lab/src/world/notices.fixture.ts';
import { seededRandom, systemClock } from '../../kernel/kernel.ts';
import { type NotifierUnderTest, notifierConformance } from '../../notify/conformance.ts';
import { freePort, silentServer } from '../../notify/far-side.fixture.ts';
import { webhookNotifier } from './webhook-notifier.ts';

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
let close: (() => void)[] = [];
afterEach(() => {
  for (const end of close) end();
  close = [];
});

function receiver(status: number) {
  return new Promise<{ url: string; got: { headers: IncomingHttpHeaders; body: string }[] }>(
    (resolve) => {
      const got: { headers: IncomingHttpHeaders; body: string }[] = [];
      const server = createServer((request, response) => {
        let body = '';
        request.on('data', (chunk: Buffer) => {
          body += chunk.toString();
        });
        request.on('end', () => {
          got.push({ headers: request.headers, body });
          response.writeHead(status).end();
        });
      });
      close.push(() => server.close());
      server.listen(0, '127.0.0.1', () =>
        resolve({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, got }),
      );
    },
  );
}

const notice = {
  kind: 'stuck',
  service: 'checkout',
  runId: 'run-1',
  subject: 'Stuck in fence',
  text: 'Look at it.',
  wallMs: systemClock.wallMs(),
} as const;

const notifier = (url: string, signed: boolean) =>
  webhookNotifier({
    url,
    kinds: ['stuck'],
    secret: signed ? async () => secret : null,
    clock: systemClock,
    random: seededRandom(1),
  });

async function open(): Promise<NotifierUnderTest> {
  const taking = await startReceiver(200);
  const refusing = await startReceiver(500);
  const hanging = await silentServer();
  const urls = {
    takes: `${taking.url}/secret`,
    refuses: refusing.url,
    hangs: `http://127.0.0.1:${hanging.port}`,
    gone: `http://127.0.0.1:${await freePort()}`,
  };
  return {
    notifier: async (far) =>
      webhookNotifier({
        url: urls[far],
        kinds: ['started', 'failed'],
        secret: async () => secret,
        clock: systemClock,
        random: seededRandom(1),
      }),
    received: () => taking.posted.map(({ body }) => JSON.parse(body).text).join('\n'),
    connected: hanging.connected,
    end: async () => {
      for (const server of [taking, refusing, hanging]) server.close();
    },
  };
}

notifierConformance('an HTTP endpoint', open);

describe('notices over HTTP', () => {
  it("are signed so that the specification's own library verifies them", async () => {
    const { url, got } = await receiver(204);
    await notifier(url, true).send(notice, new AbortController().signal);
    const [{ headers, body } = { headers: {}, body: '' }] = got;
    const payload = new Webhook(secret).verify(body, headers as Record<string, string>);
    expect(payload).toMatchObject({
      type: 'throwover.stuck',
      text: 'Stuck in fence\nLook at it.',
      data: { service: 'checkout', runId: 'run-1' },
    });
    expect(() =>
      new Webhook(secret).verify(`${body} `, headers as Record<string, string>),
    ).toThrow();
  });

  it('fail when the receiver refuses them', async () => {
    const { url, got } = await receiver(500);
    await expect(notifier(url, false).send(notice, new AbortController().signal)).rejects.toThrow(
      'answered 500',
    );
    expect(got[0]?.headers['webhook-signature']).toBeUndefined();
  });
});
