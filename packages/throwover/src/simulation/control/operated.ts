import type { Operated } from '../../operations/operations.ts';
import type { Step } from '../../runbook/runbook.ts';
import { buildRun } from '../../runs/runs.ts';
import type { Store } from '../../store/store.ts';
import { modelErrors } from '../model-errors.ts';
import type { SimProcess } from '../world/machine.ts';
import type { World } from '../world/world.ts';
import { portsFor } from './ports.ts';
import { runPolicy } from './run-policy.ts';

export interface OperatedOptions {
  /** Names this process in the lease of a run, and in the history. */
  readonly name: string;
  readonly process: SimProcess;
  readonly world: World;
  /** The store in this process; when left out, the store is asked over the network. */
  readonly store?: Store;
}

/**
 * Returns the service as one process of the simulation operates it: real runs on models of its
 * parts.
 */
export function operatedFrom(options: OperatedOptions): Operated {
  const { name, process, world } = options;
  const policy = runPolicy(world.scenario);
  const portsOf = (direction: { from: string; to: string }) => {
    const ports = portsFor(process, world, direction);
    return { ...ports, store: options.store ?? ports.store };
  };
  const { store, from, to } = portsOf({ from: 'east', to: 'west' });
  return {
    name: policy.service,
    owner: name,
    store,
    regions: [from, to].map(({ name: region, database, door }) => {
      return { name: region, database, door, forwardUrl: `http://${region}` };
    }),
    clock: process.clock,
    notifiers: { tell: () => {} },
    define: (kind, direction, consent, waits) => {
      const record = {
        name: 'checkout.example.test',
        type: 'A',
        ttlSeconds: 60,
        values: [direction.to],
      } as const;
      const { epoch } = direction;
      const run = { ...policy, epoch, consent, record, ...waits };
      const definition = buildRun(kind, portsOf(direction), run, process.clock);
      return { ...definition, steps: definition.steps.map((step) => watched(step, options)) };
    },
    lagReports: async () => [],
    forecastFacts: async () => {
      throw modelErrors.make('store-away', 'nothing was measured');
    },
    evidence: { add: async () => {} },
  };
}

/**
 * Returns the step with its calls noted in the history: each look after an act, each act and each
 * undo.
 */
function watched(step: Step, { world, process, name: controller }: OperatedOptions): Step {
  const note = (
    what: 'act' | 'look' | 'undo',
    { runId, token }: { runId: string; token: number },
  ) => {
    if (process.alive)
      world.history.note({ type: 'step', what, runId, step: step.name, token, controller });
  };
  const { undo } = step;
  let acted = false;
  return {
    ...step,
    observe: (context) => {
      // Looks without an act before them would be too many.
      if (acted) note('look', context.run);
      acted = false;
      return step.observe(context);
    },
    act: (context) => {
      // A step that only waits changes nothing, and its intent may still be on its way.
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
