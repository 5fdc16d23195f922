import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { urlOf } from 'throwover/kernel';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { askJson, until } from '../world/json.ts';
import { Lab } from '../world/lab.ts';
import type { LabMap } from '../world/map.ts';
import { labOptions } from '../world/options.ts';
import { missingOrders, survivorsOf } from '../world/survivors.ts';
import { throwover, throwoverJson } from '../world/throwover-cli.ts';
import { type Box, boxesOf, Follower } from './follow.fixture.ts';

const portBase = 25_600;
const timeoutMs = 300_000;

/** The tools that the printed runbook needs, here. */
const needed = ['aws', 'curl', 'psql', ...(process.getuid?.() === 0 ? ['setpriv'] : [])];
const missing = needed.filter((tool) => spawnSync('which', [tool]).status !== 0);

let lab: Lab;
let dir: string;

describe.skipIf(missing.length > 0)(
  missing.length > 0 ? `by hand (skipped: no ${missing.join(', ')})` : 'by hand',
  () => {
    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'throwover-by-hand-'));
      lab = await Lab.up(labOptions({ portBase, dir, lagProfile: 'none', latencyMs: 5, warm: 2 }));
    }, timeoutMs);

    beforeEach(() => lab.reset(), timeoutMs);

    afterAll(async () => {
      await lab?.down();
      rmSync(dir, { recursive: true, force: true });
    }, timeoutMs);

    test(
      'a printed switchover, box by box, with throwover stopped, loses no write and no webhook; throwover then finds what was done',
      async () => {
        const paper = await print('switchover', 'switchover.md');
        const boxes = boxesOf(paper);
        expect(boxes.filter(({ commands }) => /^\s*(\w+=\S+ )*throwover /m.test(commands))).toEqual(
          [],
        );
        await lab.killStore();

        const orders = ordersUnderWay(lab);
        const hooks = await webhooksUnderWay(lab.map);
        await orders.acknowledgedBy('before');
        const person = new Follower();
        await person.follow(boxes.filter(of('before', 'step')));
        await orders.acknowledgedBy('after');
        await hooks.stop();
        const keys = await orders.stop();

        expect(await lab.resolve()).toEqual([lab.map.regions.west.publicHost]);
        expect(keys.length).toBeGreaterThan(10);
        expect(await missingOrders(lab.map, 'west', keys)).toEqual([]);
        expect(await hooks.withoutEffect('west')).toEqual([]);

        await lab.startStore();
        await person.follow(boxes.filter(of('after')));
        await until(
          'the store has heard of the epoch that a hand has opened',
          async () => (await lab.active()) === 'west',
          { timeoutMs: 60_000 },
        );
        await until('check says ready', () => ready(), { timeoutMs: 60_000 });

        // The printed runbook is out of date, and throwover can go home without it.
        const checked = await throwover(['runbook', '--check', 'switchover.md'], { cwd: dir });
        expect(checked).toMatchObject({ exitCode: 1 });
        expect(checked.stderr).toContain('west is active now');
        const { digest } = await throwoverJson<{ digest: string }>(['plan', 'failback'], dir);
        await throwoverJson(['failback', '--yes', digest], dir);
        expect(await missingOrders(lab.map, 'east', keys)).toEqual([]);
      },
      timeoutMs,
    );

    test(
      'a standby that has not received everything stops the person before the promotion, and the way back loses nothing',
      async () => {
        const boxes = boxesOf(await print('switchover', 'again.md'));
        const orders = ordersUnderWay(lab);
        await orders.acknowledgedBy('before');
        const person = new Follower();
        const upTo = boxes.findIndex(({ step }) => step === 'fence');
        await person.follow(boxes.slice(0, upTo));
        // From here on the standby receives nothing, and nobody has noticed.
        await lab.cutReplication('east', true);
        await orders.acknowledgedBy('that the standby does not hear of');
        const rest = boxes.slice(upTo);
        const stuck = await person.follow(rest).catch((error: Error) => error.message);
        expect(stuck).toContain('step catch-up');
        expect(person.typed.map(({ box }) => box.step)).not.toContain('promote');

        await person.follow(boxes.filter(of('back')));
        await orders.acknowledgedBy('after the way back');
        const keys = await orders.stop();
        expect(await missingOrders(lab.map, 'east', keys)).toEqual([]);
        await lab.cutReplication('east', false);
        await person.follow(boxes.filter(of('after')));
        await until('check says ready', () => ready(), { timeoutMs: 60_000 });
        expect(await lab.active()).toBe('east');
      },
      timeoutMs,
    );

    test(
      'a printed failover, with the region dead and throwover stopped: the other region writes; what the dead one can be asked is left out, as the paper says',
      async () => {
        const boxes = boxesOf(await print('failover', 'failover.md'));
        const orders = ordersUnderWay(lab);
        await orders.acknowledgedBy('before');
        await lab.killStore();
        await lab.kill('east');
        const person = new Follower();
        const goOn = ['warm', 'forward', 'deliver-webhooks', 'redeliver-webhooks'];
        for (const box of boxes.filter(of('before', 'step'))) {
          if (box.on === 'east') continue;
          const { exitCode, output } = await person.type(box);
          if (exitCode !== 0) expect(goOn, output).toContain(box.step);
        }
        await orders.acknowledgedBy('after');
        const keys = await orders.stop();
        // Writes that were acknowledged in the dead region and never sent may be missing; later
        // writes may not.
        const fresh = keys.slice(-5);
        expect(await missingOrders(lab.map, 'west', fresh)).toEqual([]);

        await lab.startStore();
        await person.follow(boxes.filter(({ part, on }) => part === 'after' && on === 'west'));
        await until(
          'the store has heard of the epoch that a hand has opened',
          async () => (await lab.active()) === 'west',
          { timeoutMs: 60_000 },
        );
        expect(await lab.resolve()).toEqual([lab.map.regions.west.publicHost]);
      },
      timeoutMs,
    );
  },
);

async function ready(): Promise<boolean> {
  return (await throwover(['check', '--json'], { cwd: dir })).exitCode === 0;
}

/** Prints a runbook as a user does, and checks that it still holds. */
async function print(kind: string, file: string): Promise<string> {
  const printed = await throwover(['runbook', '--kind', kind], { cwd: dir });
  expect(printed.stderr).toBe('');
  await writeFile(join(dir, file), printed.stdout);
  const checked = await throwover(['runbook', '--check', file], { cwd: dir });
  expect(checked).toMatchObject({ exitCode: 0 });
  return printed.stdout;
}

const of =
  (...parts: string[]) =>
  ({ part }: Box) =>
    parts.includes(part);

/**
 * A client that orders through the address that DNS gives, one order after another, and remembers
 * the acknowledged ones.
 */
function ordersUnderWay(lab: Lab) {
  const stopping = new AbortController();
  const acknowledged: string[] = [];
  const ordering = (async () => {
    for (let n = 0; !stopping.signal.aborted; n += 1) {
      const key = `by-hand-${n}`;
      const [address] = await lab.resolve().catch(() => []);
      const answer = await fetch(`http://${address}:${lab.map.portBase}/orders`, {
        method: 'POST',
        headers: { 'idempotency-key': key, 'content-type': 'application/json' },
        body: JSON.stringify({ amount: 100, currency: 'EUR' }),
        signal: AbortSignal.timeout(10_000),
      }).catch(() => null);
      if (answer?.ok) acknowledged.push(key);
      await answer?.body?.cancel();
    }
  })();
  return {
    /** Waits for more acknowledged writes from now on. */
    acknowledgedBy: async (when: string) => {
      const had = acknowledged.length;
      await until(`writes ${when}`, async () => acknowledged.length > had + 5, {
        timeoutMs: 60_000,
      });
    },
    stop: async (): Promise<readonly string[]> => {
      stopping.abort();
      await ordering;
      return acknowledged;
    },
  };
}

/** Stripe's retries at both gateways. */
async function webhooksUnderWay(map: LabMap) {
  const urls = Object.values(map.regions).map(
    ({ public: { gateway } }) => `${urlOf(gateway)}/in/stripe`,
  );
  const post = (path: string, body: object) => askJson(map.sender, path, { method: 'POST', body });
  await post('/__lab/start', {
    ratePerSecond: 3,
    seed: 1,
    target: { kind: 'gateways', urls },
  });
  const sent = () =>
    askJson<readonly { id: string; state: string }[]>(map.sender, '/__lab/records');
  return {
    stop: () => post('/__lab/stop', {}),
    /** Returns events whose sender got a 2xx but whose effect is missing. */
    withoutEffect: async (region: 'east' | 'west') => {
      const lacking = async () => {
        const { events } = await survivorsOf(map, region);
        const effects = new Set(events.map(({ id }) => id));
        return (await sent()).filter(({ id, state }) => state === 'delivered' && !effects.has(id));
      };
      await until('every webhook has its effect', async () => (await lacking()).length === 0, {
        timeoutMs: 60_000,
      }).catch(() => {});
      return lacking();
    },
  };
}
