import { editsIn, type Mutation } from './mutation.ts';

const edit = editsIn('throwover/src');

const unattended = { family: 'unattended' } as const;

/** Bugs in the parts that act without a person. */
export const operationsMutations: readonly Mutation[] = [
  {
    name: 'standing-ignores-the-halt',
    what: 'The standing failover begins although the kill switch is thrown, and the store lets it.',
    edits: [
      edit('operations/standing.ts', 'if ((await store.halt()) !== null) return;', ''),
      edit(
        'store/rules.ts',
        "if (halt !== null) {\n    throw storeErrors.make('halted'",
        "if (halt !== null && input === undefined) {\n    throw storeErrors.make('halted'",
      ),
    ],
    options: unattended,
  },
  {
    name: 'caretaker-ignores-the-halt',
    what: 'The caretaker takes runs over although the kill switch is thrown.',
    edits: [edit('operations/caretaker.ts', 'if (halt !== null) {', 'if (halt === undefined) {')],
    options: unattended,
  },
  {
    name: 'caretaker-takes-from-the-living',
    what: 'The caretaker takes a run from a controller that still carries it on.',
    edits: [
      edit(
        'operations/caretaker.ts',
        'resumeOf: { runId, force: false }',
        'resumeOf: { runId, force: true }',
      ),
    ],
  },
  {
    name: 'caretaker-gives-up',
    what: 'The caretaker never comes back to a run that stayed open once.',
    edits: [
      edit(
        'operations/caretaker.ts',
        'return this.#service.clock.monotonicMs() < this.#pause.untilMs;',
        'return true;',
      ),
    ],
  },
  {
    name: 'unreachable-is-dead',
    what: 'The standing failover acts on the first look that hears nothing.',
    edits: [
      edit(
        'operations/standing.ts',
        'if (lookedMs - this.#silent.sinceMs < this.#policy.forMs) return;',
        '',
      ),
    ],
    options: unattended,
  },
  {
    name: 'flapping-is-one-silence',
    what: 'A region that answers in between does not end the silence that the standing failover counts.',
    edits: [
      edit(
        'operations/standing.ts',
        "this.#log({ event: 'region-answers', region });\n      this.#silent = null;",
        "this.#log({ event: 'region-answers', region });",
      ),
    ],
    options: unattended,
  },
  {
    name: 'own-pause-is-silence',
    what: 'A time in which serve itself stood still counts as silence of the region.',
    edits: [
      edit(
        'operations/standing.ts',
        'return this.#service.clock.monotonicMs() - sinceMs > limitMs;',
        'return limitMs < 0;',
      ),
    ],
    options: unattended,
  },
  {
    name: 'one-witness-is-enough',
    what: 'The standing failover does not ask the standby whether it still hears the region.',
    edits: [
      edit(
        'operations/standing.ts',
        'if (nothing !== null) return { standby: name',
        'if (name !== active) return { standby: name',
      ),
    ],
    options: unattended,
  },
  {
    name: 'policy-accepts-everything',
    what: 'The standing failover overrides refusals that its policy does not name.',
    edits: [
      edit(
        'operations/standing.ts',
        'overrides: overrides.filter((name) => asksFor(plan, name)),',
        'overrides: plan.guards.flatMap(({ refusals }) => refusals.flatMap(({ override }) => override ?? [])),',
      ),
    ],
    options: unattended,
  },
  {
    name: 'doorkeeper-opens-the-wrong-door',
    what: 'The doorkeeper lets the door of a region serve that is not active.',
    edits: [
      edit(
        'operations/doorkeeper.ts',
        "region === active\n          ? { mode: 'serve', epoch }",
        "region !== active\n          ? { mode: 'serve', epoch }",
      ),
    ],
  },
];
