import { defineErrors, isThrowoverError } from '../../kernel/kernel.ts';
import { noConsent } from '../../replication/replication.ts';
import {
  approve,
  checkGuards,
  type ExecuteOptions,
  executeRun,
  makePlan,
  planDigest,
} from '../../runbook/runbook.ts';
import type { Step } from '../../runbook/step.ts';
import { buildRun, type RunDefinition, type RunKind, type RunPolicy } from '../../runs/runs.ts';
import type { History } from '../world/history.ts';
import type { SimProcess } from '../world/machine.ts';
import { portsFor, type Surroundings } from './ports.ts';
import { bug } from './site.ts';

const errors = defineErrors({
  'already-active': { disposition: 'stop', notLost: '', remedy: '' },
  'not-consented': { disposition: 'stop', notLost: '', remedy: '' },
});

/** Kinds that `throwover serve` carries forward although they stand before their point of no return. */
const forwardKinds: readonly string[] = ['failover', 'rejoin'];

/** How a controller's part of a run ended, as its operator sees it. */
export interface Ended {
  readonly status: 'succeeded' | 'undone' | 'open' | 'refused';
  readonly runId: string | null;
  readonly why: string;
}

export interface ControllerOptions {
  readonly name: string;
  readonly process: SimProcess;
  readonly surroundings: Surroundings;
  readonly history: History;
  readonly policy: Omit<RunPolicy, 'epoch' | 'consent' | 'record'>;
}

type Consent = RunPolicy['consent'];
type Direction = { readonly from: string; readonly to: string; readonly epoch: number };

/** `throwover switchover`, `resume` and so on, as one process: the real planner, engine and runs. */
export class Controller {
  readonly #options: ControllerOptions;

  constructor(options: ControllerOptions) {
    this.#options = options;
  }

  /** A new run of this kind; `accepts`: the refusals that the operator overrides by name. */
  begin(kind: RunKind, to: string, accepts: readonly string[]): Promise<Ended> {
    return this.#told(async () => {
      const { process, history, name } = this.#options;
      const { store, service } = this.#service();
      const { active, epoch } = await store.service(service);
      if (active === to) throw errors.make('already-active', to);
      const direction = { from: active, to, epoch };
      const { guards, steps: planned, facts } = this.#define(kind, direction, noConsent);
      const { signal } = new AbortController();
      const { clock } = process;
      const [results, seen] = await Promise.all([checkGuards({ guards, clock, signal }), facts()]);
      const plan = makePlan({
        service,
        kind,
        ...direction,
        steps: planned,
        guards: results,
        facts: seen,
      });
      const asked = results.flatMap(({ refusals }) => refusals);
      const refused = asked.find(
        ({ override }) => override === null || !accepts.includes(override),
      );
      if (refused !== undefined) {
        throw errors.make('not-consented', `${refused.error.code}: ${refused.error.message}`);
      }
      const overrides = asked.flatMap(({ override }) => override ?? []);
      const mandate = approve(plan, { digest: planDigest(plan), by: name, overrides });
      history.note({ type: 'run-asked', kind, by: name, overrides });
      const { steps, claim } = this.#define(kind, direction, { by: name, overrides });
      return this.#execute({ plan, mandate, steps, claim });
    });
  }

  /** Carries on the run that is open; takes it from a controller that still has it only with `force`. */
  resume(runId: string, force: boolean): Promise<Ended> {
    return this.#told(async () => {
      const { definition } = await this.#ofRun(runId);
      const { steps, claim } = definition;
      return this.#execute({ resumeOf: { runId, force }, steps, claim });
    });
  }

  /** As `throwover serve` carries on what nobody carries on: back where that can be, a failover forward. */
  caretake(runId: string): Promise<Ended> {
    return this.#told(async () => {
      const { definition, kind } = await this.#ofRun(runId);
      const { steps, claim } = definition;
      const back = forwardKinds.includes(kind) ? {} : { signal: AbortSignal.abort('caretaker') };
      return this.#execute({ resumeOf: { runId, force: false }, steps, claim, ...back });
    });
  }

  abort(runId: string): Promise<Ended> {
    return this.#told(async () => {
      const { definition } = await this.#ofRun(runId);
      const { steps, claim } = definition;
      const { name: by } = this.#options;
      return this.#execute({ abortOf: { runId, by, reason: 'asked for' }, steps, claim });
    });
  }

  /** The open run, with the consent that its newest mandate gave. */
  async #ofRun(runId: string): Promise<{ definition: RunDefinition; kind: string }> {
    const { store } = this.#service();
    const run = await store.run(runId);
    let consent: Consent = noConsent;
    for (const record of run.records) {
      if (record.type === 'mandate' || record.type === 'replanned') {
        consent = { by: record.by, overrides: record.overrides };
      }
    }
    return { definition: this.#define(run.kind as RunKind, run, consent), kind: run.kind };
  }

  #service() {
    const { process, surroundings, policy } = this.#options;
    const { sites } = surroundings;
    const [from, to] = sites;
    if (from === undefined || to === undefined) throw new Error('two regions');
    const { store } = portsFor(process, surroundings, { from: from.name, to: to.name });
    return { store, service: policy.service };
  }

  #define(kind: RunKind, direction: Direction, consent: Consent): RunDefinition {
    const { process, surroundings, policy } = this.#options;
    const { from, to, epoch } = direction;
    const ports = portsFor(process, surroundings, { from, to });
    const record = {
      name: 'checkout.example.test',
      type: 'A',
      ttlSeconds: 60,
      values: [to],
    } as const;
    return buildRun(kind, ports, { ...policy, epoch, consent, record }, process.clock);
  }

  async #execute(
    what: { steps: readonly Step[]; claim: RunDefinition['claim']; signal?: AbortSignal } & (
      | Pick<Extract<ExecuteOptions, { mandate: unknown }>, 'plan' | 'mandate'>
      | Pick<Extract<ExecuteOptions, { resumeOf: unknown }>, 'resumeOf'>
      | Pick<Extract<ExecuteOptions, { abortOf: unknown }>, 'abortOf'>
    ),
  ): Promise<Ended> {
    const { process, name } = this.#options;
    const result = await executeRun({
      store: this.#service().store,
      clock: process.clock,
      owner: name,
      ...what,
      steps: what.steps.map((step) => this.#watched(step)),
    });
    return { status: result.status, runId: result.runId, why: result.error?.code ?? '' };
  }

  /** Notes each look, act and undo. */
  #watched(step: Step): Step {
    const { history, process, name: controller } = this.#options;
    const note = (
      what: 'act' | 'look' | 'undo',
      { runId, token }: { runId: string; token: number },
    ) => {
      if (process.alive)
        history.note({ type: 'step', what, runId, step: step.name, token, controller });
    };
    const { undo } = step;
    let acted = false;
    return {
      ...step,
      observe: (context) => {
        // A look after an act is told, others are too many.
        if (acted) note('look', context.run);
        acted = false;
        return step.observe(context);
      },
      act: (context) => {
        // One that only waits acts on nothing, and its intent may still be on its way.
        if (step.onlyWaits) return step.act(context);
        note('act', context.run);
        acted = true;
        return step.act(context);
      },
      undo:
        typeof undo === 'function'
          ? (context) => {
              note('undo', context.run);
              return undo(context);
            }
          : undo,
    };
  }

  async #told(work: () => Promise<Ended>): Promise<Ended> {
    const { history, process, name } = this.#options;
    let ended: Ended;
    try {
      ended = await work();
    } catch (error) {
      if (!isThrowoverError(error)) {
        if (process.alive) history.note(bug(name, error));
        ended = { status: 'refused', runId: null, why: 'bug' };
      } else {
        ended = { status: 'refused', runId: null, why: `${error.code}: ${error.message}` };
      }
    }
    if (process.alive) {
      history.note({
        type: 'run-left',
        runId: ended.runId ?? '',
        status: ended.status,
        why: ended.why,
      });
    }
    return ended;
  }
}
