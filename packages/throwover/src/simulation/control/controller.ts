import { errorLine, isThrowoverError } from '../../kernel/kernel.ts';
import { carriedOn, type Operated, planFor, type WhatToDo } from '../../operations/operations.ts';
import { noConsent } from '../../replication/replication.ts';
import { approve, type ExecuteOptions, executeRun } from '../../runbook/runbook.ts';
import type { RunKind } from '../../runs/runs.ts';
import { modelErrors } from '../model-errors.ts';
import type { Happening } from '../world/history.ts';
import { type OperatedOptions, operatedFrom } from './operated.ts';
import { bug } from './site.ts';

/** How a controller's part of a run ended, as its operator sees it. */
type Ended = Omit<Extract<Happening, { type: 'run-left' }>, 'type'>;

/**
 * `throwover switchover`, `resume` and so on, as one process: a person plans, approves and carries
 * out.
 */
export class Controller {
  readonly #options: OperatedOptions;
  readonly #service: Operated;

  constructor(options: OperatedOptions) {
    this.#options = options;
    this.#service = operatedFrom(options);
  }

  /** Starts a new run of this kind; `accepts`: the refusals that the operator overrides by name. */
  begin(kind: RunKind, to: string, accepts: readonly string[]): Promise<void> {
    return this.#told(async () => {
      const { world, name } = this.#options;
      const service = this.#service;
      const { active, epoch } = await service.store.service(service.name);
      if (active === to) throw modelErrors.make('already-active', to);
      const direction = { from: active, to, epoch };
      const { signal } = new AbortController();
      const planned = await planFor(service, { kind, direction, consent: noConsent, signal });
      const { plan, digest } = planned;
      const asked = plan.guards.flatMap(({ refusals }) => refusals);
      const refused = asked.find(
        ({ override }) => override === null || !accepts.includes(override),
      );
      if (refused !== undefined) {
        throw modelErrors.make('not-consented', `${refused.error.code}: ${refused.error.message}`);
      }
      const overrides = asked.flatMap(({ override }) => override ?? []);
      const mandate = approve(plan, { digest, by: name, overrides });
      world.history.note({ type: 'run-asked', kind, by: name, overrides });
      const { steps, claim } = service.define(kind, direction, { by: name, overrides });
      return this.#execute({ plan, mandate, steps, claim });
    });
  }

  /** Carries on the open run; takes it from a live controller only with `force`. */
  resume(runId: string, force: boolean): Promise<void> {
    return this.#told(async () => {
      const carried = carriedOn(this.#service, await this.#service.store.run(runId));
      return this.#execute({ ...carried, resumeOf: { runId, force } });
    });
  }

  abort(runId: string): Promise<void> {
    return this.#told(async () => {
      const carried = carriedOn(this.#service, await this.#service.store.run(runId));
      const { name: by } = this.#options;
      return this.#execute({ ...carried, abortOf: { runId, by, reason: 'asked for' } });
    });
  }

  async #execute(what: WhatToDo): Promise<Ended> {
    const { store, clock, owner } = this.#service;
    const options = { ...what, store, clock, owner } as ExecuteOptions;
    const { status, runId, error } = await executeRun(options);
    return { runId: runId ?? '', status, why: error?.code ?? '' };
  }

  /** Notes how the work ended, as long as somebody is there to see it. */
  async #told(work: () => Promise<Ended>): Promise<void> {
    const { world, process, name } = this.#options;
    const { history } = world;
    let ended: Ended;
    try {
      ended = await work();
    } catch (error) {
      const expected = isThrowoverError(error);
      if (!expected && process.alive) history.note(bug(name, error));
      ended = { runId: '', status: 'refused', why: expected ? errorLine(error) : 'bug' };
    }
    if (process.alive) history.note({ type: 'run-left', ...ended });
  }
}
