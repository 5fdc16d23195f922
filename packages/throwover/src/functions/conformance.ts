import { expect } from 'vitest';
import { type Cannot, contract, type Subject } from '../kernel/contract.fixture.ts';
import type { FunctionFacts, FunctionRegion } from './function-region.ts';

/**
 * The function that is deployed. plain: it answers a warm-up as if it were a request. wrapped: with
 * `withWarmUp`. broken: no environment of it starts. missing: there is none. gone: the provider
 * does not answer.
 */
export type Deployed = 'plain' | 'wrapped' | 'broken' | 'missing' | 'gone';

/** Functions in the region `west`, whose account allows 20 instances, 10 of them reserved to others. */
export interface FunctionsUnderTest extends Subject {
  function(deployed: Deployed): Promise<FunctionRegion>;
  /** Resolves with the first facts that fit. */
  until(
    region: FunctionRegion,
    fits: (provisioned: NonNullable<FunctionFacts['provisioned']>) => boolean,
  ): Promise<FunctionFacts>;
}

const calls = {
  facts: (region: FunctionRegion) => region.facts(),
  provision: (region: FunctionRegion) => region.provision(1),
  release: (region: FunctionRegion) => region.release(),
  warmUp: (region: FunctionRegion) => region.warmUp({ instances: 1, holdMs: 1 }),
};

/** Longest hold of a warm-up in these tests, ms: of a machine on which three starts take that long. */
const longestHoldMs = 20_000;

/** Warms up three instances; a slow machine starts them one after the other, so they are held longer. */
async function warmThree(region: FunctionRegion) {
  for (let holdMs = 500; ; holdMs *= 2) {
    const round = await region.warmUp({ instances: 3, holdMs });
    expect(new Set(round.instances).size).toBe(round.instances.length);
    expect(round).toMatchObject({ requests: 4, throttled: 0, failed: 0, reason: null });
    expect(round.initMs).toHaveLength(round.cold);
    if (round.instances.length === 3) return round;
    expect(holdMs).toBeLessThan(longestHoldMs);
  }
}

const checks = {
  'facts say what is provisioned, and the limits': async (subject: FunctionsUnderTest) => {
    const region = await subject.function('plain');
    const facts = await region.facts();
    expect(region.region).toBe('west');
    expect(facts).toMatchObject({ region: 'west', provisioned: null, reserved: null });
    expect(facts).toMatchObject({ accountLimit: 20, unreservedLimit: 20 });
    expect(facts.memoryMb).toBeGreaterThan(0);
    expect(facts.timeoutMs).toBeGreaterThan(0);
  },

  'facts have what must be alike on both sides, without any value of the environment': async (
    subject: FunctionsUnderTest,
  ) => {
    const { parity } = await (await subject.function('plain')).facts();
    expect(Object.keys(parity)).toEqual(
      expect.arrayContaining(['code', 'runtime', 'memoryMb', 'handler', 'environment']),
    );
  },

  'capacity that was requested becomes ready': async (subject: FunctionsUnderTest) => {
    const region = await subject.function('plain');
    await region.provision(2);
    expect((await region.facts()).provisioned).toMatchObject({ requested: 2 });
    const { provisioned } = await subject.until(region, ({ status }) => status !== 'in-progress');
    expect(provisioned).toEqual({ requested: 2, ready: 2, status: 'ready', reason: null });
  },

  'the same request again changes nothing, and another number takes its place': async (
    subject: FunctionsUnderTest,
  ) => {
    const region = await subject.function('plain');
    await region.provision(2);
    await subject.until(region, ({ status }) => status === 'ready');
    await region.provision(2);
    expect((await region.facts()).provisioned).toMatchObject({ ready: 2, status: 'ready' });
    await region.provision(1);
    // Instances beyond the new number may still be ending.
    const { provisioned } = await subject.until(
      region,
      ({ ready, status }) => ready === 1 && status === 'ready',
    );
    expect(provisioned).toMatchObject({ requested: 1 });
  },

  'capacity is released, and releasing again changes nothing': async (
    subject: FunctionsUnderTest,
  ) => {
    const region = await subject.function('plain');
    await region.release();
    await region.provision(1);
    await region.release();
    expect((await region.facts()).provisioned).toBeNull();
    await region.release();
    expect((await region.facts()).provisioned).toBeNull();
  },

  'a start that fails is reported with its reason': async (subject: FunctionsUnderTest) => {
    const region = await subject.function('broken');
    await region.provision(1);
    const { provisioned } = await subject.until(region, ({ status }) => status !== 'in-progress');
    expect(provisioned).toMatchObject({ requested: 1, ready: 0, status: 'failed' });
    expect(provisioned?.reason).toEqual(expect.any(String));
  },

  'more than the account allows is a quota, and nothing is requested': async (
    subject: FunctionsUnderTest,
  ) => {
    const region = await subject.function('plain');
    const quota = { code: 'functions-quota', disposition: 'stop' };
    await expect(region.provision(11)).rejects.toMatchObject(quota);
    expect((await region.facts()).provisioned).toBeNull();
  },

  'a warm-up reaches as many instances as were asked for, each counted once': async (
    subject: FunctionsUnderTest,
  ) => {
    const region = await subject.function('wrapped');
    const round = await warmThree(region);
    expect(round.billedMs).toBeGreaterThan(0);
    expect((await region.facts()).provisioned).toBeNull();
  },

  'invocations beyond the concurrency are counted as throttled': async (
    subject: FunctionsUnderTest,
  ) => {
    const region = await subject.function('wrapped');
    const round = await region.warmUp({ instances: 25, holdMs: 1_000 });
    expect(round.throttled).toBeGreaterThan(0);
    expect(round.instances.length).toBeLessThanOrEqual(20);
    expect(round.reason).toEqual(expect.any(String));
  },

  'a function without the wrapper sees one warm-up, and no more': async (
    subject: FunctionsUnderTest,
  ) => {
    const region = await subject.function('plain');
    const notWrapped = { code: 'functions-not-wrapped', disposition: 'stop' };
    await expect(region.warmUp({ instances: 4, holdMs: 1 })).rejects.toMatchObject(notWrapped);
  },

  'a function that is not there is missing, for every call': async (
    subject: FunctionsUnderTest,
  ) => {
    const region = await subject.function('missing');
    const missing = { code: 'functions-missing', disposition: 'stop' };
    for (const call of Object.values(calls)) {
      await expect(call(region)).rejects.toMatchObject(missing);
    }
  },

  'a provider that is gone is unreachable, for every call': async (subject: FunctionsUnderTest) => {
    const region = await subject.function('gone');
    const away = { code: 'functions-unreachable', disposition: 'retry' };
    for (const call of Object.values(calls)) {
      await expect(call(region)).rejects.toMatchObject(away);
    }
  },
};

/** The contract of a function in one region as tests; each implementation's test runs them. */
export function functionsConformance(
  name: string,
  open: () => Promise<FunctionsUnderTest>,
  cannot: Cannot<typeof checks> = {},
): void {
  contract({ title: `${name} keep the contract of functions`, open, checks, cannot });
}
