import { beforeEach, describe, expect, it } from 'vitest';
import { functionsConformance } from '../functions/conformance.ts';
import { functionErrors } from '../functions/errors.ts';
import type { FunctionFacts, FunctionRegion } from '../functions/function-region.ts';
import { defaultRamp } from '../functions/functions.ts';
import type { RunState } from '../store/shapes.ts';
import { World } from './runs.fixture.ts';

const both = ['two-writers', 'loss-above-bound'];

let world: World;
beforeEach(async () => {
  world = await new World().begin();
  world.policy = {
    warm: {
      ...{ strategy: 'provisioned-window', instances: 'measured', burst: 2, keepMs: 1 },
      ramp: defaultRamp,
    },
  };
});

const never = () => new Promise<never>(() => {});

/** A function with this limit of instances, and this many provisioned by the team. */
class Functions implements FunctionRegion {
  readonly region: string;
  readonly asked: number[] = [];
  provisioned: number;
  silent = false;
  readonly #limit: number;

  constructor(region: string, { limit = 1_000, provisioned = 0 } = {}) {
    this.region = region;
    this.provisioned = provisioned;
    this.#limit = limit;
  }

  async facts(): Promise<FunctionFacts> {
    if (this.silent) return never();
    const requested = this.provisioned;
    return {
      ...{ region: this.region, accountLimit: this.#limit, unreservedLimit: this.#limit },
      ...{ reserved: null, memoryMb: 128, timeoutMs: 3_000, parity: {} },
      provisioned:
        requested === 0 ? null : { requested, ready: requested, status: 'ready', reason: null },
    };
  }

  async provision(instances: number): Promise<void> {
    if (instances > this.#limit) throw functionErrors.make('functions-quota', 'beyond the limit');
    this.asked.push(instances);
    this.provisioned = instances;
  }

  async release(): Promise<void> {
    this.provisioned = 0;
  }

  warmUp = () => Promise.reject(new Error('another strategy'));
}

const noInstances = 'it starts no instance';
functionsConformance(
  'the functions of the tests of warmth',
  async () => ({
    function: async () => new Functions('west', { limit: 10 }),
    until: async (region, fits) => {
      const facts = await region.facts();
      if (facts.provisioned === null || !fits(facts.provisioned)) throw new Error('it never will');
      return facts;
    },
    end: async () => {},
  }),
  {
    'facts say what is provisioned, and the limits': 'one number is both of its limits',
    'facts have what must be alike on both sides, without any value of the environment':
      'both sides are alike',
    'a start that fails is reported with its reason': noInstances,
    'a warm-up reaches as many instances as were asked for, each counted once': noInstances,
    'invocations beyond the concurrency are counted as throttled': noInstances,
    'a function without the wrapper sees one warm-up, and no more': noInstances,
    'a function that is not there is missing, for every call': 'it is always there',
    'a provider that is gone is unreachable, for every call': 'it is silent instead',
  },
);

/** Both regions have the function; returns the one of the region that becomes active. */
function withFunctions(options: { limit?: number; provisioned?: number } = {}): Functions {
  const west = new Functions('west', options);
  world.more.west = { functions: west };
  world.more.east = { functions: new Functions('east') };
  return west;
}

const warmOf = ({ records }: RunState) =>
  records.flatMap((record) =>
    record.type === 'outcome' && record.step === 'warm' ? [record.evidence] : [],
  )[0];

/** From the mandate to the promotion, virtual ms. */
function withoutWriterMs({ records }: RunState): number {
  const at = (is: (record: RunState['records'][number]) => boolean) =>
    records.find(is)?.wallMs ?? Number.NaN;
  const promoted = at((record) => record.type === 'outcome' && record.step === 'promote');
  return promoted - at(({ type }) => type === 'mandate');
}

describe('a planned run', () => {
  it('is refused when the limits do not allow what the traffic needs; an override uses them up', async () => {
    world.east.peakConcurrency = 6;
    const west = withFunctions({ limit: 10 });
    const { guards } = await world.plan('switchover');
    expect(guards.flatMap(({ refusals }) => refusals)).toMatchObject([
      { error: { code: 'functions-quota' }, override: 'small-functions-quota' },
    ]);
    const overrides = ['small-functions-quota'];
    expect(await world.run('switchover', { overrides })).toMatchObject({ status: 'succeeded' });
    expect(west.asked).toEqual([10]);
    expect(west.provisioned).toBe(0);
  });

  it('goes by the door when the provider does not say how much it counted', async () => {
    world.east.peakConcurrency = 6;
    const west = withFunctions();
    const denied = functionErrors.make('functions-denied', 'no right to cloudwatch');
    world.more.east = {
      ...world.more.east,
      metrics: { region: 'east', minutes: () => Promise.reject(denied) },
    };
    expect(await world.run('switchover')).toMatchObject({ status: 'succeeded' });
    expect(west.asked).toEqual([12]);
  });
});

describe('a failover, while nobody can write', () => {
  it('does not wait for a provider that counts in the lost region: it takes what a run needed before', async () => {
    const west = withFunctions();
    world.east.peakConcurrency = 4;
    expect(await world.run('switchover')).toMatchObject({ status: 'succeeded' });
    expect(await world.run('switchover', { from: 'west' })).toMatchObject({ status: 'succeeded' });
    west.asked.length = 0;
    world.more.east = {
      ...world.more.east,
      metrics: { region: 'east', minutes: never },
    };
    world.policy = { ...world.policy, epoch: 3 };
    world.lose(world.east);
    const result = await world.run('failover', { overrides: both });
    expect(result).toMatchObject({ status: 'succeeded' });
    expect(west.asked).toHaveLength(1);
    const run = await world.newestRun();
    expect(warmOf(run)).toMatchObject({ needed: west.asked[0] });
    expect(withoutWriterMs(run)).toBeLessThan(4_000);
  });

  it("goes on without a provider that is silent, and releases nothing of the team's", async () => {
    const west = withFunctions({ provisioned: 5 });
    west.silent = true;
    world.lose(world.east);
    const result = await world.run('failover', { overrides: both });
    expect(result).toMatchObject({ status: 'succeeded' });
    const run = await world.newestRun();
    expect(warmOf(run)).toMatchObject({ notSeen: 'functions-unreachable' });
    expect(withoutWriterMs(run)).toBeLessThan(6_000);
    expect(west).toMatchObject({ provisioned: 5, asked: [] });
  });
});
