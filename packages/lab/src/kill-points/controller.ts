/**
 * A controller that kills itself with SIGKILL at one point of its run's journal.
 *
 * argv: KIND TO DIGEST POINT, in the directory of throwover.yaml. POINT is `after:N` (record N is in the
 * journal) or `before:N` (record N is about to be appended, so what it tells of has happened and is not
 * recorded). It is the real engine with a store that pulls the plug: the product has no switch for it.
 */
import {
  approve,
  checkGuards,
  compose,
  defineRun,
  executeRun,
  isRunKind,
  loadService,
  makePlan,
  type Store,
} from 'throwover';
import { systemClock as clock } from 'throwover/kernel';

const [kind = '', to = '', digest = '', point = ''] = process.argv.slice(2);
const [when, seq] = point.split(':');
const killAt = Number(seq);

function pullPlug(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => {});
}

function killing(store: Store): Store {
  return {
    registerService: (input) => store.registerService(input),
    service: (name) => store.service(name),
    beginRun: (input) => store.beginRun(input),
    takeRun: (input) => store.takeRun(input),
    renewRun: (input) => store.renewRun(input),
    openEpoch: (input) => store.openEpoch(input),
    run: (runId) => store.run(runId),
    runs: (filter) => store.runs(filter),
    append: async (input) => {
      const here = input.record.seq === killAt;
      if (here && when === 'before') await pullPlug();
      await store.append(input);
      if (here && when === 'after') await pullPlug();
    },
  };
}

if (!isRunKind(kind)) throw new Error(`no run of kind ${kind}`);
const loaded = await loadService('throwover.yaml');
const parts = compose(loaded.service, clock);
const service = loaded.service.name;
const { active: from, epoch } = await parts.store.service(service);
const direction = { from, to, epoch };
const { guards, steps } = defineRun(kind, loaded, { parts, direction, env: process.env, clock });
const plan = makePlan({
  service,
  kind,
  ...direction,
  steps,
  guards: await checkGuards({ guards, clock, signal: new AbortController().signal }),
  facts: {},
});
const mandate = approve(plan, { digest, by: 'kill-points', overrides: [] });
const result = await executeRun({
  store: killing(parts.store),
  clock,
  steps,
  owner: `kill-points pid ${process.pid}`,
  plan,
  mandate,
});
await parts.close();
console.error(`not killed at ${point}: ${result.status}`);
