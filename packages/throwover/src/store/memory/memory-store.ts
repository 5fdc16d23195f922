import { type Clock, canonicalJson, newId, type Random } from '../../kernel/kernel.ts';
import {
  admitAppend,
  admitBegin,
  admitEpoch,
  admitService,
  admitTake,
  mustHold,
  mustRun,
  noSuchRun,
  noSuchService,
  type RunFacts,
} from '../rules.ts';
import type { RunState, RunSummary, ServiceState, Store } from '../store.ts';

interface ServiceEntry {
  state: ServiceState;
  /** Highest token given, over all runs of the service. */
  token: number;
  openedBy: string | null;
}

interface RunEntry {
  summary: RunSummary;
  readonly plan: string;
  /** As `canonicalJson` gives them, so that nobody outside can change what is in here. */
  readonly records: string[];
  leaseEndsMs: number;
}

/** Keeps everything in this process and forgets it with it: for tests and the simulation. */
export function createMemoryStore(options: { clock: Clock; random: Random }): Store {
  const { clock, random } = options;
  const services = new Map<string, ServiceEntry>();
  const runs = new Map<string, RunEntry>();

  const serviceOf = (name: string): ServiceEntry => {
    const service = services.get(name);
    if (service === undefined) throw noSuchService(name);
    return service;
  };
  const runOf = (runId: string): RunEntry => {
    const run = runs.get(runId);
    if (run === undefined) throw noSuchRun(runId);
    return run;
  };
  const leaseLeftMs = (run: RunEntry) => Math.max(0, run.leaseEndsMs - clock.monotonicMs());

  return {
    registerService: async (input) => {
      const known = services.get(input.name);
      const change = admitService(known?.state, input);
      const regions = [...input.regions];
      if (known === undefined) {
        const { name, active } = input;
        const state = { name, regions, active, epoch: 1, openRun: null };
        services.set(name, { state, token: 0, openedBy: null });
        return state;
      }
      if (change === 'change-regions') known.state = { ...known.state, regions };
      return known.state;
    },

    service: async (name) => serviceOf(name).state,

    beginRun: async (input) => {
      const service = serviceOf(input.service);
      const openId = service.state.openRun;
      const open = openId === null ? undefined : runOf(openId);
      const plan = canonicalJson(input.plan);
      admitBegin(
        service.state,
        open && { ...facts(open), leaseLeftMs: leaseLeftMs(open) },
        input,
        plan,
      );
      const { leaseMs, plan: _plan, ...rest } = input;
      const runId = newId('run', clock, random);
      service.token += 1;
      service.state = { ...service.state, openRun: runId };
      runs.set(runId, {
        summary: {
          ...rest,
          runId,
          token: service.token,
          status: 'running',
          startedWallMs: clock.wallMs(),
          endedWallMs: null,
        },
        plan,
        records: [],
        leaseEndsMs: clock.monotonicMs() + leaseMs,
      });
      return { runId, token: service.token, leaseMs };
    },

    takeRun: async ({ runId, owner, leaseMs, force }) => {
      const run = runOf(runId);
      admitTake(facts(run), leaseLeftMs(run), force);
      const service = serviceOf(run.summary.service);
      service.token += 1;
      run.summary = { ...run.summary, owner, token: service.token };
      run.leaseEndsMs = clock.monotonicMs() + leaseMs;
      return { runId, token: service.token, leaseMs };
    },

    renewRun: async ({ runId, token, leaseMs }) => {
      const run = runOf(runId);
      mustHold(facts(run), token);
      mustRun(facts(run));
      run.leaseEndsMs = clock.monotonicMs() + leaseMs;
    },

    append: async (input) => {
      const run = runOf(input.runId);
      const { record } = input;
      const text = canonicalJson(record);
      const verdict = admitAppend(facts(run), input, text, (seq) => run.records[seq - 1]);
      if (verdict === 'already-there') return;
      run.records.push(text);
      if (record.type !== 'ended') return;
      run.summary = { ...run.summary, status: record.status, endedWallMs: record.wallMs };
      const service = serviceOf(run.summary.service);
      service.state = { ...service.state, openRun: null };
    },

    openEpoch: async (input) => {
      const service = serviceOf(input.service);
      const run = runOf(input.runId);
      const verdict = admitEpoch(service.state, facts(run), service.openedBy, input);
      if (verdict === 'open') {
        service.state = { ...service.state, epoch: input.epoch, active: input.active };
        service.openedBy = input.runId;
      }
      return service.state;
    },

    run: async (runId) => {
      const { summary, plan, records } = runOf(runId);
      return {
        ...summary,
        plan: JSON.parse(plan),
        records: records.map((text): RunState['records'][number] => JSON.parse(text)),
      };
    },

    runs: async ({ service, limit }) =>
      [...runs.values()]
        .map(({ summary }) => summary)
        .filter((summary) => service === undefined || summary.service === service)
        .reverse()
        .slice(0, limit),
  };
}

function facts({ summary, records }: RunEntry): RunFacts {
  return { ...summary, lastSeq: records.length };
}
