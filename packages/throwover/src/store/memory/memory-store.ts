import { type Clock, canonicalJson, newId, type Random } from '../../kernel/kernel.ts';
import { damageFound } from '../damage.ts';
import {
  adopted,
  opened,
  registered,
  type ServiceFacts,
  toldSync,
  withNextToken,
  withoutDamaged,
  withoutRun,
} from '../epochs.ts';
import { RunLeases, WriterGrants } from '../leases.ts';
import { driftBound } from '../limits.ts';
import type { Store } from '../port.ts';
import {
  admitAppend,
  admitBegin,
  admitEnding,
  admitTake,
  inForce,
  mustHold,
  mustRun,
  noSuchRun,
  noSuchService,
  type RunFacts,
} from '../rules.ts';
import type { Halt, RunState, RunSummary } from '../shapes.ts';
import { renewal, writerRestored, writerStopped } from '../writer.ts';
import { type Ledger, ledgerCalls } from './memory-ledger.ts';

/**
 * The durable state of a store: in a simulation it outlives the process. Only the last store that
 * was made with it may use it.
 */
export interface MemoryStoreState {
  readonly services: Map<string, ServiceFacts>;
  readonly runs: Map<string, RunEntry>;
  readonly ledgers: Map<string, Ledger>;
  halt: Halt | null;
}

interface RunEntry {
  summary: RunSummary;
  leaseMs: number;
  /** A test damages it. */
  plan: string;
  /** As text, so that callers cannot change it. */
  readonly records: string[];
}

export function newMemoryStoreState(): MemoryStoreState {
  return { services: new Map(), runs: new Map(), ledgers: new Map(), halt: null };
}

/**
 * A store that keeps everything in this process, for tests and the simulation. Every call is done
 * before it returns its promise, so a crash at any await finds it done or not begun.
 *
 * With the `state` of an earlier store it acts as that store after a restart: it has the durable
 * state, and has lost leases and grants, as `throwover serve` does.
 */
export function createMemoryStore(options: {
  clock: Clock;
  random: Random;
  state?: MemoryStoreState;
}): Store {
  const { clock, random, state = newMemoryStoreState() } = options;
  const { services, runs } = state;
  const leases = new RunLeases(clock, openRuns(state));
  const grants = new WriterGrants(clock);

  const serviceOf = (name: string): ServiceFacts => {
    const service = services.get(name);
    if (service === undefined) throw noSuchService(name);
    return service;
  };
  const keep = (facts: ServiceFacts) => {
    services.set(facts.state.name, facts);
    return facts.state;
  };
  const runOf = (runId: string): RunEntry => {
    const run = runs.get(runId);
    if (run === undefined) throw noSuchRun(runId);
    return run;
  };

  return {
    registerService: async (input) => keep(registered(services.get(input.name), input)),

    service: async (name) => serviceOf(name).state,

    beginRun: async (input) => {
      const service = serviceOf(input.service);
      const { openRun } = service.state;
      const open =
        openRun === null
          ? undefined
          : {
              runId: openRun,
              owner: runOf(openRun).summary.owner,
              leaseLeftMs: leases.leftMs(openRun),
            };
      const plan = JSON.stringify(input.plan ?? null);
      admitBegin(service.state, open, state.halt, input, plan);
      const { leaseMs, plan: _plan, ...rest } = input;
      const runId = newId('run', clock, random);
      const begun = withNextToken(service, runId);
      keep(begun);
      const summary: RunSummary = {
        ...rest,
        runId,
        token: begun.state.token,
        status: 'running',
        startedWallMs: clock.wallMs(),
        endedWallMs: null,
      };
      runs.set(runId, { summary, leaseMs, plan, records: [] });
      leases.start(runId, leaseMs);
      return { runId, token: begun.state.token, leaseMs };
    },

    takeRun: async ({ runId, owner, leaseMs, force }) => {
      const run = runOf(runId);
      admitTake(facts(run), leases.leftMs(runId), force);
      read(run);
      const taken = withNextToken(serviceOf(run.summary.service), runId);
      keep(taken);
      run.summary = { ...run.summary, owner, token: taken.state.token };
      run.leaseMs = leaseMs;
      leases.start(runId, leaseMs);
      return { runId, token: taken.state.token, leaseMs };
    },

    renewRun: async ({ runId, token, leaseMs }) => {
      const run = runOf(runId);
      mustHold(facts(run), token);
      mustRun(facts(run));
      leases.start(runId, leaseMs);
      return { halted: state.halt };
    },

    append: async (input) => {
      const run = runOf(input.runId);
      const added = admitAppend(facts(run), input, {
        text: (record) => JSON.stringify(record),
        same: (seq, text) => sameJson(run.records[seq - 1], text),
      });
      for (const { record, text } of added) {
        run.records.push(text);
        if (record.type === 'replanned') {
          run.summary = { ...run.summary, kind: record.kind, planDigest: record.digest };
        }
        if (record.type !== 'ended') continue;
        run.summary = { ...run.summary, status: record.status, endedWallMs: record.wallMs };
        keep(withoutRun(serviceOf(run.summary.service)));
        leases.end(input.runId);
      }
    },

    openEpoch: async (input) =>
      keep(opened(serviceOf(input.service), facts(runOf(input.runId)), input)),

    adoptEpoch: async (input) => keep(adopted(serviceOf(input.service), input)),

    renewWriter: async (input) => {
      const answer = renewal(serviceOf(input.service), input);
      if (answer.kind === 'granted') grants.note(input.service, input.leaseMs);
      return answer;
    },

    expireWriter: async ({ service, runId, token }) => {
      const stopped = writerStopped(serviceOf(service), facts(runOf(runId)), token);
      const { active: region, epoch } = keep(stopped);
      return { ...grants.expiry(service), region, epoch, driftBound };
    },

    restoreWriter: async ({ service, runId, token }) => {
      keep(writerRestored(serviceOf(service), facts(runOf(runId)), token));
    },

    recordSync: async (input) => {
      keep(toldSync(serviceOf(input.service), input));
    },

    setHalt: async (halt) => {
      state.halt = halt;
    },

    halt: async () => state.halt,

    ...ledgerCalls({
      clock,
      ledgers: state.ledgers,
      serviceOf,
      keep,
      runOf: (runId) => facts(runOf(runId)),
    }),

    endDamaged: async ({ runId, by, reason }) => {
      const run = runOf(runId);
      const { service, abandoned: before } = run.summary;
      if (before !== undefined) return { runId, service, token: run.summary.token, ...before };
      const known = serviceOf(service);
      const open = known.state.openRun === runId;
      const leaseLeftMs = leases.leftMs(runId);
      const { message: damage } = admitEnding(
        { ...run.summary, leaseLeftMs, open },
        damageFound(() => read(run)),
      );
      const { token } = keep(withoutDamaged(known, runId));
      const abandoned = { by, reason, wallMs: clock.wallMs(), damage };
      const { wallMs: endedWallMs } = abandoned;
      run.summary = { ...run.summary, token, status: 'abandoned', endedWallMs, abandoned };
      leases.end(runId);
      return { runId, service, token, ...abandoned };
    },

    run: async (runId) => read(runOf(runId)),

    runs: async ({ service, limit }) =>
      [...runs.values()]
        .map(({ summary }) => summary)
        .filter((summary) => service === undefined || summary.service === service)
        .reverse()
        .slice(0, limit),
  };
}

function read({ summary, plan, records }: RunEntry): RunState {
  const parsed = records.map((text): RunState['records'][number] => JSON.parse(text));
  return inForce(summary, JSON.parse(plan), parsed);
}

function facts({ summary, records }: RunEntry): RunFacts {
  return { ...summary, lastSeq: records.length };
}

/** Whether both texts are the same JSON, in any order of keys. */
function sameJson(a: string | undefined, b: string): boolean {
  return (
    a === b || (a !== undefined && canonicalJson(JSON.parse(a)) === canonicalJson(JSON.parse(b)))
  );
}

function* openRuns({ runs }: MemoryStoreState) {
  for (const [runId, { summary, leaseMs }] of runs) {
    if (summary.status === 'running') yield { runId, leaseMs };
  }
}
