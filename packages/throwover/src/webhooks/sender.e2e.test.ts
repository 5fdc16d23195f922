import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { expect, it } from 'vitest';
import { httpGateway } from '../providers/http/gateway.ts';
import {
  application,
  gatewayConfig,
  secret,
  temporaryDirectory,
  until,
} from './gateway.fixture.ts';
import { end, startGatewayProcess, startProcess } from './gateway-process.fixture.ts';

/** Signs and retries as Stripe does; a separate process, reached only over the wire. */
const senderProgram = fileURLToPath(new URL('../../../lab/src/sender/sender.ts', import.meta.url));

interface Sent {
  readonly id: string;
  readonly state: string;
  readonly attempts: readonly { readonly status: number }[];
}

it('misses no event of a signing, retrying sender when one of two gateways is killed and comes back', async () => {
  const directories = [temporaryDirectory(), temporaryDirectory()];
  const app = await application();
  const children: ChildProcess[] = [];
  try {
    const [east, west] = await Promise.all(
      directories.map(async ({ path }) => {
        const config = gatewayConfig(path, app.url);
        const gateway = await startGatewayProcess(config);
        children.push(gateway.child);
        return { ...gateway, config };
      }),
    );
    if (east === undefined || west === undefined) throw new Error('two were started');
    const config = { host: '127.0.0.1', port: 0, timeScale: 1_000, seed: 3, secret };
    const sender = await startProcess<{ url: string }>([senderProgram, JSON.stringify(config)]);
    children.push(sender.child);
    const lab = async (method: 'GET' | 'POST', path: string, body?: unknown) => {
      const answer = await request(`${sender.url}/__lab/${path}`, {
        method,
        body: body === undefined ? null : JSON.stringify(body),
      });
      return answer.body.json();
    };
    const records = async () => (await lab('GET', 'records')) as Sent[];

    const urls = [`${east.url}/in/stripe`, `${west.url}/in/stripe`];
    await lab('POST', 'start', { ratePerSecond: 200, target: { kind: 'gateways', urls } });
    await until(async () => (await records()).length >= 200);
    await end(east.child, 'SIGKILL');
    const before = (await records()).length;
    await until(async () => (await records()).length >= before + 100);
    await lab('POST', 'stop');
    await until(async () => (await records()).every(({ state }) => state === 'delivered'));

    const again = await startGatewayProcess(east.config);
    children.push(again.child);
    for (const { adminUrl } of [again, west]) {
      const control = httpGateway({ region: 'east', url: adminUrl });
      await until(async () => (await control.status()).backlog === 0);
    }
    const all = await records();
    const failedOver = all.filter(({ attempts }) => attempts.length > 1);
    expect(failedOver.length).toBeGreaterThanOrEqual(90);
    expect(failedOver.every(({ attempts }) => attempts[0]?.status === 0)).toBe(true);
    expect(new Set(app.effects.keys())).toEqual(new Set(all.map(({ id }) => id)));
  } finally {
    for (const child of children) await end(child, 'SIGTERM');
    await app.close();
    for (const directory of directories) directory.remove();
  }
});
