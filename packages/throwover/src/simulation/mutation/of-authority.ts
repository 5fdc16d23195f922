import { editsIn, type Mutation } from './mutation.ts';

const edit = editsIn('throwover/src/authority/guard');

/** Bugs of the guards. */
export const authorityMutations: readonly Mutation[] = [
  {
    name: 'skip-the-fence',
    what: 'A fence answers with a position and closes nothing.',
    edits: [
      edit(
        'fencing.ts',
        'const position = await door.close({ openTransactionsMs });',
        'const { position } = await database.look();',
      ),
    ],
    options: { strict: false },
  },
  {
    name: 'promise-binds-nobody',
    what: 'A peer extends a lease without a promise not to be promoted: it counts nothing.',
    edits: [edit('promises.ts', 'this.#endsMs = Math.max(this.#endsMs, endsMs);', '')],
    options: { strict: true, family: 'lost' },
  },
  {
    name: 'promise-forgotten',
    what: 'A guard that restarts forgets that it has promised.',
    edits: [edit('promises.ts', 'keep.current.promised === null', 'true')],
    options: { strict: true, family: 'lost' },
  },
  {
    name: 'old-token-admitted',
    what: 'An old controller acts after a takeover: guards look at no token.',
    edits: [edit('memory.ts', 'if (token > now.token) return;', 'return;')],
    options: { family: 'planned' },
  },
  {
    name: 'reopens-after-acceptance',
    what: 'A guard that has accepted a promotion still renounces its token, so the old side opens again.',
    edits: [
      edit(
        'guard.ts',
        'if (now.accepted !== null && begun(now)) {',
        'if (now.accepted === undefined) {',
      ),
      edit('guard.ts', 'if (now.known.active === region) {', 'if (now.known === undefined) {'),
    ],
    options: { strict: false, family: 'planned' },
  },
  {
    name: 'deadline-asks-nobody',
    what: 'A fence whose deadline passes opens without asking the other guard.',
    edits: [
      edit(
        'fencing.ts',
        'const answer = await peer.renounce({ run, token });',
        "const answer = { kind: 'renounced', token, epoch: 0 };",
      ),
    ],
    options: { strict: false, family: 'planned' },
  },
  {
    name: 'renounced-not-kept',
    what: 'A guard answers that it gave up on a token, and promotes with it later.',
    edits: [edit('memory.ts', 'if (token > now.renounced) return;', 'return;')],
    options: { strict: false, family: 'planned' },
  },
  {
    name: 'holder-counts-from-the-answer',
    what: 'Expiry counted from the wrong end: the holder counts its lease from when the answer came.',
    edits: [
      edit(
        'lease.ts',
        'const until = { wallMs: sent.wallMs + leaseMs, bootMs: sent.bootMs + leaseMs };',
        'const now = database.machineTime(); const until = { wallMs: now.wallMs + leaseMs, bootMs: now.bootMs + leaseMs };',
      ),
    ],
    options: { strict: true, family: 'lost' },
  },
  {
    name: 'not-in-sync-unrecorded',
    what: 'Commits are acknowledged without the standby before "not in sync" is written down.',
    edits: [
      edit(
        'sync.ts',
        'if (!(await oneIsTrue(this.#tell(record)))) {',
        'await this.#inside.database.setSynchronous(false); if (!(await oneIsTrue(this.#tell(record)))) {',
      ),
    ],
    options: { synchronous: true },
  },
  {
    name: 'trusts-the-file',
    what: 'A guard trusts what stands on its disk: what it wrote down as closed it does not close.',
    edits: [
      edit(
        'watching.ts',
        "if (role !== 'stopped') await this.#settleAtStart(role);",
        "if (role === 'primary' && memory.current.closed === null) await this.#inside.door.open();",
      ),
      edit(
        'fencing.ts',
        'const position = await door.close({ openTransactionsMs });',
        'const position = this.#closedBefore ? (await database.look()).position : await door.close({ openTransactionsMs });',
      ),
      edit(
        'fencing.ts',
        'const begunMs = clock.monotonicMs();',
        'const begunMs = clock.monotonicMs(); this.#closedBefore = memory.current.closed !== null;',
      ),
      edit(
        'fencing.ts',
        'readonly #inside: Inside;',
        'readonly #inside: Inside; #closedBefore = false;',
      ),
    ],
    options: { strict: false, family: 'planned' },
  },
  {
    name: 'adoption-closes',
    what: 'A guard that finds its database promoted by hand closes it.',
    edits: [
      edit(
        'promotion.ts',
        "onEvent({ type: 'adopted'",
        "await database.close({ openTransactionsMs: 0 }); onEvent({ type: 'adopted'",
      ),
    ],
    options: { family: 'hand' },
  },
  {
    name: 'starts-open',
    what: 'A region that is back from the dead starts open.',
    edits: [
      edit(
        'watching.ts',
        'await database.startClosed();',
        'await database.startClosed(); await database.open();',
      ),
    ],
    options: { strict: false, family: 'lost' },
  },
  {
    name: 'newer-epoch-ignored',
    what: 'A guard that hears of a newer epoch leaves its own database open.',
    edits: [edit('watching.ts', 'return this.#close(action);', 'return;')],
    options: { strict: false, family: 'lost' },
  },
  {
    name: 'any-token-proves',
    what: 'A fence of an older token, which may have opened since, is taken as proof.',
    edits: [
      edit('decide.ts', 'if (proof.token !== token) {', 'if (proof.token === undefined) {'),
      {
        file: 'throwover/src/runbook/engine/progress.ts',
        find: `      this.#outcomes.delete(step);
    }
    this.#turn('seen-pending');`,
        replace: `    }
    this.#turn('seen-pending');`,
      },
      {
        file: 'throwover/src/replication/promote.ts',
        find: 'return async () => ({ proof: writer.confirmed, lossy: null });',
        replace: `return (async (context: StepContext) => {
    const { region, position, token } = (context.outcomes.get('fence') ?? {}) as never;
    return { proof: { kind: 'confirmed', region, position, token }, lossy: null };
  }) as never;`,
      },
    ],
    options: { strict: false },
  },
  {
    name: 'position-not-checked',
    what: 'A standby is promoted that has not received everything.',
    edits: [
      edit('decide.ts', 'return complete ? yes', 'return true ? yes'),
      {
        file: 'throwover/src/replication/catch-up.ts',
        find: 'return timelineOf(received) >= timelineOf(position) && bytesOf(received) >= bytesOf(position);',
        replace: 'return true;',
      },
    ],
  },
  {
    name: 'promises-not-awaited',
    what: 'Neither a failover by expiry nor the guard waits for the promises that the guard gave.',
    edits: [
      {
        file: 'throwover/src/replication/expire-writer.ts',
        find: "answer.kind === 'proved' && promisedMs === 0",
        replace: "answer.kind === 'proved'",
      },
      edit(
        'promotion.ts',
        "if (proof.kind === 'expired') await this.#promises.ended(command);",
        '',
      ),
      edit('promotion.ts', "if (proof.kind === 'expired') this.#promises.mustHaveEnded();", ''),
    ],
    options: { strict: true, family: 'lost' },
  },
  {
    name: 'sequences-not-advanced',
    what: 'A lossy promotion gives out ids again that the old side had given.',
    edits: [
      edit(
        'promotion.ts',
        'if (sequenceAdvance !== null) await database.advanceSequences(sequenceAdvance);',
        '',
      ),
    ],
    options: { strict: false, family: 'lost' },
  },
  {
    name: 'opens-with-nobodys-word',
    what: 'A database that was started opens without anybody saying that it is the active one.',
    edits: [
      edit(
        'decide.ts',
        'const why = vouchedFor(watch);',
        "const why = vouchedFor(watch) ?? 'nobody objects';",
      ),
    ],
    options: { strict: false, family: 'lost' },
  },
  {
    name: 'adopts-unheard',
    what: 'A promotion by hand from before the database was down is adopted although neither store nor peer answers.',
    edits: [
      edit('decide.ts', 'return alone || witness !== null || peer !== null;', 'return true;'),
    ],
  },
  {
    name: 'attached-unheard-stays-down',
    what: 'A side that was attached while nobody heard of it counts as stopped by a command, and stays down after a crash.',
    edits: [
      edit('decide.ts', '(memory.closed !== null || memory.stopped)', 'memory.closed !== null'),
      edit('watching.ts', ', stopped: false }', ' }'),
      edit('guard.ts', 'memory.put({ stopped: !may })', 'memory.put({})'),
    ],
    options: { family: 'planned' },
  },
  {
    name: 'half-set-wait-is-trusted',
    what: 'A setting that lets commits go ahead stands on disk, not in force, while "in sync" is written down.',
    edits: [edit('sync.ts', 'if (!look.synchronous || !this.#settled)', 'if (!look.synchronous)')],
    options: { synchronous: true },
  },
  {
    name: 'any-opening-proof',
    what: 'A guard opens on a word that is about an older fence than the one that stands.',
    edits: [
      edit('decide.ts', 'return proof.token >= fencedBy', 'return proof.token >= 0'),
      edit('fencing.ts', "!== 'fence' || memory.current.closed.token !== token", "!== 'fence'"),
    ],
    options: { strict: false, family: 'planned' },
  },
  {
    name: 'fence-without-end',
    what: 'A fence whose deadline has passed stands on, until a person types something.',
    edits: [
      edit(
        'fencing.ts',
        "if (closed?.by !== 'fence' || closed.deadlineMs === null) return;",
        'if (closed !== undefined) return;',
      ),
    ],
    options: { strict: false, family: 'planned' },
  },
  {
    name: 'promotion-finished-twice',
    what: 'A guard that is asked again for a promotion that has ended takes it for one that was begun.',
    edits: [
      edit(
        'promotion.ts',
        'if (accepted?.epoch === command.epoch && begun(memory.current)) return',
        'if (accepted?.epoch === command.epoch) return',
      ),
    ],
  },
  {
    name: 'late-stop-obeyed',
    what: 'A copy of a stop that was late takes down what was attached since.',
    edits: [
      edit('guard.ts', "if (role === 'standby' || (role !== 'primary' && attached)) return;", ''),
    ],
    options: { family: 'planned' },
  },
];
