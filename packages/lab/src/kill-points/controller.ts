/**
 * A controller that kills itself with SIGKILL at one point of its run's journal.
 *
 * argv: KIND TO DIGEST POINT, in the directory of throwover.yaml. POINT is `after:N` (record N is
 * in the journal), `before:N` (record N is about to be appended, so its event has happened but is
 * not recorded), or `after-step:NAME` (the outcome of that step is in the journal). It is the real
 * engine with a store that kills the process: the product has no switch for it.
 */
import {
  approve,
  checkGuards,
  compose,
  defineRun,
  executeRun,
  isRunKind,
  type JournalRecord,
  loadService,
  machineOf,
  makePlan,
  type Store,
} from 'throwover';
import { systemClock as clock } from 'throwover/kernel';

const [kind = '', to = '', digest = '', point = ''] = process.argv.slice(2);
const [when, where] = point.split(':');

const isHere = (record: JournalRecord) =>
  when === 'after-step'
    ? record.type === 'outcome' && record.step === where
    : record.seq === Number(where);

function pullPlug(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => {});
}

function killing(store: Store): Store {
  const append: Store['append'] = async (input) => {
    // One by one, so that the process can be killed between any two.
    for (const record of input.records) {
      const here = isHere(record);
      if (here && when === 'before') await pullPlug();
      await store.append({ ...input, records: [record] });
      if (here && when !== 'before') await pullPlug();
    }
  };
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'append') return append;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

if (!isRunKind(kind)) throw new Error(`no run of kind ${kind}`);
const loaded = await loadService('throwover.yaml');
const { name: ofService, identity } = loaded.service;
const expected = { service: ofService, role: 'controller' } as const;
const machine = await machineOf(identity, { expected, clock });
const parts = compose(loaded, { clock, env: process.env, machine });
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
