import { expect, test } from 'vitest';
import type { FunctionFacts, FunctionRegion } from '../functions/function-region.ts';
import { defaultRamp } from '../functions/functions.ts';
import { createVirtualClock } from '../kernel/virtual-clock.ts';
import type { StepContext } from '../runbook/step.ts';
import type { RunPolicy, RunPorts } from './ports.ts';
import { roomGuard, warmthOf } from './warmth.ts';

const clock = createVirtualClock();
const { signal } = new AbortController();

/** A standby whose account allows so many, and an active region that uses `peak` at once. */
function world(options: { limit: number; peak: number; overrides?: readonly string[] }) {
  let requested = 0;
  const facts = async (): Promise<FunctionFacts> => ({
    ...{ region: 'west', accountLimit: options.limit, unreservedLimit: options.limit },
    ...{ reserved: null, memoryMb: 128, timeoutMs: 3_000, parity: {} },
    provisioned:
      requested === 0 ? null : { requested, ready: requested, status: 'ready', reason: null },
  });
  const functions: FunctionRegion = {
    region: 'west',
    facts,
    provision: async (instances) => {
      requested = instances;
    },
    release: async () => {
      requested = 0;
    },
    warmUp: () => Promise.reject(new Error('another strategy')),
  };
  const ports = {
    from: { name: 'east', door: { status: async () => ({ peakConcurrency: options.peak }) } },
    to: { name: 'west', functions, door: {} },
  } as unknown as RunPorts;
  const policy = {
    consent: { by: 'alice', overrides: options.overrides ?? [] },
    warm: {
      ...{ strategy: 'provisioned-window', instances: 'measured', burst: 2, keepMs: 1 },
      ramp: defaultRamp,
    },
  } as unknown as RunPolicy;
  const context = { before: null, progress: () => {}, clock } as unknown as StepContext;
  return { ports, policy, context, requested: () => requested };
}

test('before a run its guard refuses what the limits do not allow, and names the override', async () => {
  const small = world({ limit: 10, peak: 6 });
  const [guard] = roomGuard(small.ports, small.policy);
  expect(await guard?.check({ clock, signal })).toMatchObject([
    { error: { code: 'functions-quota' }, override: 'small-functions-quota' },
  ]);
  const large = world({ limit: 12, peak: 6 });
  expect(await roomGuard(large.ports, large.policy)[0]?.check({ clock, signal })).toEqual([]);
});

test('a quota that was accepted is used up; one that was not ends the step', async () => {
  const accepted = world({ limit: 10, peak: 6, overrides: ['small-functions-quota'] });
  const [step] = warmthOf(accepted.ports, accepted.policy, clock).arm;
  await step?.act(accepted.context);
  expect(accepted.requested()).toBe(10);
  const refused = world({ limit: 10, peak: 6 });
  const [other] = warmthOf(refused.ports, refused.policy, clock).arm;
  await expect(other?.act(refused.context)).rejects.toMatchObject({ code: 'functions-quota' });
  expect(refused.requested()).toBe(0);
});
