import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { isThrowoverError } from 'throwover/kernel';
import { z } from 'zod';
import type { Lab } from './lab.ts';
import { defaultPortBase, otherRegion, regionNames } from './map.ts';

/** The faults that can be done to one region while everything runs. */
export const faults = {
  kill: (lab: Lab, region) => lab.kill(region),
  freeze: (lab: Lab, region) => lab.freeze(region),
  thaw: (lab: Lab, region) => lab.thaw(region),
  cut: (lab: Lab, region) => lab.cut(region),
  'cut-in': (lab: Lab, region) => lab.cut(region, 'in'),
  'cut-out': (lab: Lab, region) => lab.cut(region, 'out'),
  restore: (lab: Lab, region) => lab.restore(region),
  back: (lab: Lab, region) => lab.bringBack(region),
} as const satisfies Record<
  string,
  (lab: Lab, region: (typeof regionNames)[number]) => Promise<void>
>;

export type Fault = keyof typeof faults;

const faultRequest = z.strictObject({
  fault: z.enum(Object.keys(faults) as [Fault, ...Fault[]]),
  region: z.enum(regionNames),
});

const latencyRequest = z.strictObject({ latencyMs: z.number().nonnegative().max(60_000) });

/** Serves the lab's control port: faults, latency, reset and the end, one at a time. */
export function control(lab: Lab, onDown: () => void): void {
  const app = new Hono();
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
  app.get('/', async (c) => c.json({ dir: lab.options.dir, active: await lab.active() }));
  app.post('/fault', async (c) => {
    const { fault, region } = faultRequest.parse(await c.req.json());
    await inTurn(() => faults[fault](lab, region));
    return c.json({ fault, region });
  });
  app.post('/latency', async (c) => {
    const { latencyMs } = latencyRequest.parse(await c.req.json());
    await inTurn(() => lab.setLatency(latencyMs));
    return c.json({ latencyMs });
  });
  app.post('/reset', async (c) => {
    await inTurn(() => lab.reset());
    return c.json({ reset: true });
  });
  app.post('/down', (c) => {
    onDown();
    return c.json({ down: true });
  });
  app.onError((error, c) => {
    if (isThrowoverError(error)) return c.json(error.toJSON(), 500);
    const wrongInput = error instanceof z.ZodError;
    return c.json({ message: error.message }, wrongInput ? 400 : 500);
  });
  lab.answer(getRequestListener(app.fetch));
}

/**
 * Returns commands that a person can use with a running lab; they work as written, from the clone.
 */
export async function nextSteps(lab: Lab): Promise<string> {
  const { options } = lab;
  const standby = otherRegion(await lab.active());
  const config = `--config ${join(options.dir, 'throwover.yaml')}`;
  const portBase = options.portBase === defaultPortBase ? '' : ` --port-base ${options.portBase}`;
  return `The lab is running in ${options.dir} (Ctrl-C stops it).
From the clone, in another terminal:

  export AWS_ACCESS_KEY_ID=lab AWS_SECRET_ACCESS_KEY=lab
  npx throwover check ${config}
  npx throwover switchover --to ${standby} ${config}
  npm run lab -- ${Object.keys(faults).join('|')} ${regionNames.join('|')}${portBase}`;
}
