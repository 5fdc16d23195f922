import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { wholeFile } from '../../service/service.fixture.ts';
import { start } from '../terminal.fixture.ts';

/** A drill every day from 00:00 on: one is always due, and its reminder date has passed. */
const drills = {
  every: 'FREQ=DAILY',
  from: '2026-01-01',
  zone: 'UTC',
  windows: [{ days: ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'], from: '00:00', until: '23:59' }],
};

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

test('throwover serve posts the reminder of a drill to a signed webhook', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'throwover-drill-serve-'));
  const posted: { type: string; text: string }[] = [];
  let heard = () => {};
  const receiver = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers = request.headers as Record<string, string>;
    posted.push(
      new Webhook(secret).verify(
        Buffer.concat(chunks).toString(),
        headers,
      ) as (typeof posted)[number],
    );
    response.writeHead(204).end();
    heard();
  });
  await new Promise<void>((done) => receiver.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  const webhooks = [{ url, secret: 'file:hook', events: ['drill'] }];
  const config = join(directory, 'throwover.yaml');
  // Regions in which nothing listens, whatever else runs on this machine.
  const file = wholeFile
    .replace(/^steps:[\s\S]*$/m, '')
    .replaceAll(/127\.0\.[12]\.1:76/g, '127.0.99.1:56');
  await writeFile(join(directory, 'hook'), secret);
  await writeFile(
    config,
    `${file}notify: ${JSON.stringify({ webhooks })}\ndrills: ${JSON.stringify(drills)}\n`,
  );
  try {
    const first = new Promise<void>((done) => {
      heard = done;
    });
    const serving = start(['serve', '--data', directory, '--port', '0', '--service', config]);
    await first;
    expect(posted).toMatchObject([
      {
        type: 'throwover.drill',
        text: expect.stringMatching(/^A drill of checkout comes: ana@example\.com drives\n/),
      },
    ]);
    serving.interrupt();
    expect(await serving.code).toBe(0);
    expect(serving.stdout()).toContain('"event":"drill-reminded"');
  } finally {
    receiver.close();
    await rm(directory, { recursive: true });
  }
});
