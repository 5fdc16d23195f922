import { Agent } from 'undici';
import { expect, it } from 'vitest';
import {
  application,
  eventsOf,
  gatewayConfig,
  post,
  stripeEvent,
  temporaryDirectory,
  until,
} from './gateway.fixture.ts';
import { end, startGatewayProcess } from './gateway-process.fixture.ts';

it('loses no accepted event to kill -9 under load, and each has one effect (A3)', {
  timeout: 120_000,
}, async () => {
  const directory = temporaryDirectory();
  // A twentieth of the events is refused twice, a twentieth always.
  const numberOf = (id: string) => Number(id.slice(4));
  const app = await application(({ id, attempt }) => {
    if (numberOf(id) % 20 === 7) return { status: 500 };
    return { status: numberOf(id) % 20 === 3 && attempt < 3 ? 500 : 200 };
  });
  const senders = new Agent({ connections: 32 });
  const config = { ...gatewayConfig(directory.path, app.url), delivery: { maxRefusals: 5 } };
  const accepted = new Set<string>();
  let number = 0;
  try {
    for (let round = 0; round < 4; round++) {
      const { child, url } = await startGatewayProcess(config);
      let alive = true;
      const load = Array.from({ length: 32 }, async () => {
        while (alive) {
          const id = `evt_${number++}`;
          await post(`${url}/in/stripe`, stripeEvent(id), senders).then(
            ({ status }) => {
              if (status === 200) accepted.add(id);
            },
            () => {
              alive = false;
            },
          );
        }
      });
      const target = accepted.size + 300;
      await until(() => accepted.size >= target);
      await end(child, 'SIGKILL');
      await Promise.all(load);
    }

    const { child, adminUrl, url } = await startGatewayProcess(config);
    const pending = async () => (await eventsOf(adminUrl, '&state=pending')).length;
    await until(async () => (await pending()) === 0);
    const journal = new Map<string, string>();
    for (let after = 0, more = true; more; ) {
      const page = await eventsOf(adminUrl, `&after=${after}`);
      for (const { id, state } of page) journal.set(id, state);
      after = page.at(-1)?.seq ?? after;
      more = page.length > 0;
    }
    expect(accepted.size).toBeGreaterThanOrEqual(1_200);
    for (const id of accepted) {
      const poison = numberOf(id) % 20 === 7;
      expect([id, journal.get(id)]).toEqual([id, poison ? 'dead' : 'delivered']);
      expect([id, app.effects.has(id)]).toEqual([id, !poison]);
    }
    // At most those in flight at each of the four kills, four each time, were delivered again.
    expect([...app.effects.values()].filter((times) => times > 1).length).toBeLessThanOrEqual(16);
    const [first] = accepted;
    expect((await post(`${url}/in/stripe`, stripeEvent(String(first)))).json.duplicate).toBe(true);
    expect(await end(child, 'SIGTERM')).toEqual([0, null]);
  } finally {
    await senders.destroy();
    await app.close();
    directory.remove();
  }
});

it('reports durable accepts a second with 64 senders', async () => {
  const directory = temporaryDirectory();
  const { child, url } = await startGatewayProcess(gatewayConfig(directory.path, null));
  const senders = new Agent({ connections: 64, pipelining: 1 });
  try {
    const events = Array.from({ length: 6_000 }, (_, i) => stripeEvent(`evt_${i}`));
    const total = events.length;
    const startMs = performance.now();
    await Promise.all(
      Array.from({ length: 64 }, async () => {
        for (let event = events.pop(); event !== undefined; event = events.pop()) {
          expect((await post(`${url}/in/stripe`, event, senders)).status).toBe(200);
        }
      }),
    );
    const perSecond = Math.round((total * 1_000) / (performance.now() - startMs));
    console.log(
      `durable, verified accepts with 64 senders: ${perSecond}/s (n=${total}, sender on the same 2 cores)`,
    );
  } finally {
    await senders.destroy();
    await end(child, 'SIGTERM');
    directory.remove();
  }
});
