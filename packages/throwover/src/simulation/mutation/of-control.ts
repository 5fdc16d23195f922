import { editsIn, type Mutation } from './mutation.ts';

const edit = editsIn('throwover/src');

/** Bugs of the engine, the runs, the store and the client. */
export const controlMutations: readonly Mutation[] = [
  {
    name: 'grantor-counts-from-the-first',
    what: 'Expiry counted from the wrong end: the store counts from the first of many grants.',
    edits: [
      edit(
        'store/leases.ts',
        'const lastMs = this.#clock.monotonicMs();',
        'const lastMs = this.#byService.get(service)?.lastMs ?? this.#clock.monotonicMs();',
      ),
    ],
    options: { strict: true, family: 'lost' },
  },
  {
    name: 'restarted-grantor-proves-at-once',
    what: 'A store that has restarted, and forgotten its grants, proves an expiry at once.',
    edits: [
      edit(
        'store/leases.ts',
        'const forgotten = this.#arithmetic(maxWriterLeaseMs, this.#startedMs);',
        'const forgotten = this.#arithmetic(0, this.#startedMs);',
      ),
    ],
    options: { strict: true, family: 'lost' },
  },
  {
    name: 'grants-go-on',
    what: 'The store goes on granting after it has begun to prove the end of the lease.',
    edits: [
      edit('store/writer.ts', "if (facts.stoppedEpoch === epoch) return refused('stopped');", ''),
    ],
    options: { strict: true, family: 'lost' },
  },
  {
    name: 'token-without-timeline',
    what: 'A read compares positions and forgets that they are of different timelines.',
    edits: [
      {
        file: 'client/src/read-your-writes/decide.ts',
        find: 'if (wanted < timeline) return acrossSwitch(token, view);',
        replace: '',
      },
      {
        file: 'client/src/read-your-writes/decide.ts',
        find: 'if (timeline < here) return acrossSwitch(token, view);',
        replace: '',
      },
    ],
    options: { strict: false, family: 'lost' },
  },
  {
    name: 'position-alone-says-lost',
    what: 'A read takes an upper bound beyond the switch for a lost write.',
    edits: [
      {
        file: 'client/src/read-your-writes/decide.ts',
        find: 'if (BigInt(token.xid) >= found.nextXid)',
        replace: 'if (BigInt(token.xid) >= 0n)',
      },
    ],
    options: { strict: false, family: 'lost' },
  },
  {
    name: 'fence-of-an-earlier-controller',
    what: 'A controller that takes a run over relies on the fence and the catch-up of the one before.',
    edits: [
      edit(
        'runbook/engine/progress.ts',
        `      this.#outcomes.delete(step);
    }
    this.#turn('seen-pending');`,
        `    }
    this.#turn('seen-pending');`,
      ),
    ],
  },
  {
    name: 'redelivery-skipped',
    what: 'Webhooks of the loss window are not delivered again.',
    edits: [edit('webhooks/steps.ts', 'gateway.redeliver(', '(async () => ({ events: 0 }))(')],
    options: { family: 'lost' },
  },
  {
    name: 'unknown-outcome-repeated',
    what: 'An act whose outcome is not known is repeated without a look.',
    edits: [
      edit(
        'runbook/engine/carry-out.ts',
        'if (failure !== null && this.turnsBack(failure)) throw failure;',
        "if (failure !== null && this.turnsBack(failure)) throw failure; if (failure?.disposition === 'retry' && repeats < maxRepeats) continue;",
      ),
    ],
  },
  {
    name: 'intent-not-journaled',
    what: 'A step acts before its intent is in the journal.',
    edits: [
      edit(
        'runbook/engine/carry-out.ts',
        "await journal.append({ type: 'intent', step: step.name, observed });",
        "void journal.append({ type: 'intent', step: step.name, observed });",
      ),
    ],
  },
  {
    name: 'takeover-claims-nothing',
    what: 'A controller that takes a run over acts before any guard knows its token.',
    edits: [
      edit(
        'runbook/engine/entering.ts',
        'const claimed = await claim(controller, options);',
        'const claimed = {};',
      ),
    ],
  },
  {
    name: 'abort-does-not-ask',
    what: 'An abort takes a promotion that was asked for as one that did not happen.',
    edits: [
      edit(
        'replication/promote.ts',
        "if (answer.kind === 'renounced') return 'never';",
        "return 'never' as const;",
      ),
      edit('replication/old-writer.ts', "if (answer.kind === 'renounced')", 'if (true)'),
    ],
    options: { strict: false, family: 'planned' },
  },
  {
    name: 'loss-bound-ignored',
    what: 'A failover goes on whatever it would lose.',
    edits: [
      edit('replication/exposure.ts', 'return exposure.atRiskMs > boundMs;', 'return false;'),
      edit(
        'replication/exposure.ts',
        "case 'unknown':\n      return true;",
        "case 'unknown':\n      return false;",
      ),
    ],
    options: { strict: false, family: 'lost' },
  },
  {
    name: 'silence-is-consent',
    what: 'A failover promotes although the old side did not answer and nobody accepted two writers.',
    edits: [
      edit(
        'replication/fence.ts',
        "return consent.overrides.includes('two-writers') ? 'override' : 'nothing';",
        "return 'override';",
      ),
      edit('replication/failover-guards.ts', 'if (strict) return [];', 'return [];'),
    ],
    options: { strict: false },
  },
  {
    name: 'epoch-before-promotion',
    what: 'A switchover opens the next epoch at the store before anybody was promoted into it.',
    edits: [
      edit(
        'runs/switchover.ts',
        `      promote({
        to: to.database,
        seen: standby,`,
        `      openEpoch({ store, to: to.name, database: to.database }),
      promote({
        to: to.database,
        seen: standby,`,
      ),
      edit(
        'runs/switchover.ts',
        `      openEpoch({ store, to: to.name, database: to.database }),
      forwardStragglers({`,
        '      forwardStragglers({',
      ),
    ],
    options: { family: 'planned' },
  },
  {
    name: 'older-controller-writes-on',
    what: 'A controller that lost its run goes on writing its journal.',
    edits: [edit('store/rules.ts', 'if (token === run.token) return;', 'return;')],
    options: { family: 'planned' },
  },
  {
    name: 'ledger-forgets',
    what: 'What the old side alone has is read, and not written down before it is thrown away.',
    edits: [
      edit('replication/salvage.ts', 'if (losses.length > 0) await', 'if (losses === null) await'),
    ],
    options: { family: 'lost' },
  },
  // Bugs that seeds have found, put back in.
  {
    name: 'own-promotion-taken-for-a-hand',
    what: 'A guard that was interrupted in its own promotion adopts it as a person’s.',
    edits: [
      edit(
        'authority/guard/decide.ts',
        "if (begun(memory)) return { do: 'finish-promotion' };\n  const byHand",
        'const byHand',
      ),
      edit(
        'authority/guard/decide.ts',
        'if (row === undefined) return newestEpoch(watch) + 1;',
        'return newestEpoch(watch) + 1;',
      ),
    ],
    options: { strict: false, family: 'planned' },
  },
  {
    name: 'hand-taken-for-own-promotion',
    what: 'A switchover goes on from a promotion by hand, and throws away what that lost.',
    edits: [
      edit(
        'replication/promote.ts',
        'if (promotion?.epoch === next && accepted?.epoch !== next) {',
        'if (promotion === undefined) {',
      ),
    ],
    options: { family: 'hand' },
  },
  {
    name: 'unacknowledged-ids-forgotten',
    what: 'A synchronous failover gives out ids again that transactions had which nobody acknowledged.',
    edits: [
      edit(
        'replication/promote.ts',
        'const lossy = everything ? null',
        'const lossy = complete ? null',
      ),
    ],
    options: { strict: false, synchronous: true, family: 'lost' },
  },
  {
    name: 'loss-judged-while-it-grows',
    what: 'A failover judges its loss without the word of the new side, which may still let commits go ahead.',
    edits: [
      edit('runs/failover.ts', 'synchronous && !strict', 'synchronous && strict && !strict'),
      edit('replication/loss.ts', '&& standby?.inSync === true ?', '?'),
    ],
  },
  {
    name: 'hand-redelivers-nothing',
    what: 'After a promotion by hand the webhooks that it lost are not delivered again.',
    edits: [
      edit(
        'runs/rejoin.ts',
        'return { epoch: epoch - 1, fromWallMs: null, beyond: switchPosition };',
        'return null;',
      ),
    ],
    options: { family: 'hand' },
  },
  {
    name: 'nobody-vouches-for-a-hand',
    what: 'A side that was promoted by hand and crashes is never opened again.',
    edits: [edit('authority/guard/decide.ts', 'return yields ?', 'return peer === undefined ?')],
    options: { family: 'hand' },
  },
  {
    name: 'success-without-a-writer',
    what: "A run ends well although the new region's guard never said that writes are taken.",
    edits: [
      edit(
        'authority/open-epoch.ts',
        'new NewWriter(database, { lookedSince: true })',
        'new NewWriter(database, { lookedSince: true, patience: new Patience(unseenPatienceMs) })',
      ),
    ],
    options: {},
  },
];
