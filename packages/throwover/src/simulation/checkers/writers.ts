import { assertNever } from '../../kernel/kernel.ts';
import { positionAt, type Write } from '../database/history-of-writes.ts';
import {
  acceptsTwo,
  cameFrom,
  type Facts,
  type PromotionFact,
  type Violation,
  writeText,
} from './facts.ts';

/**
 * A1. No write of an epoch is acknowledged once the next one is open, except where an override by name,
 * or a person who promoted by hand, accepted it.
 *
 * Strict mode after an expiry: a transaction that began while its lease was in force may end later (its
 * machine stood still in the middle); none may begin.
 */
export function oneWriter(facts: Facts): readonly Violation[] {
  const violations: Violation[] = [];
  for (const promotion of facts.promotions) {
    const { openedMs, accepted, branch, command } = promotion;
    if (openedMs === null || accepted) continue;
    const expired = command?.input.proof.kind === 'expired';
    const late = facts.writes.filter(
      (write) =>
        write.branch.bornMs < branch.bornMs &&
        write.acknowledgedMs !== null &&
        write.acknowledgedMs > openedMs &&
        !(expired && write.begunMs <= openedMs),
    );
    const [first] = late;
    if (first === undefined) continue;
    violations.push({
      rule: 'one-writer',
      text: `${late.length} writes acknowledged after b${branch.id} opened at ${openedMs}: ${writeText(first)}`,
    });
  }
  return violations;
}

/** How long a guard that everybody answers may take to hear of a newer epoch and close, ms. */
const hearsWithinMs = 10_000;

/** An old side that lives closes by itself once its guard can hear of the newer one, override or not. */
export function oldSideCloses(facts: Facts): readonly Violation[] {
  const { healedMs } = facts.ending;
  for (const { branch } of facts.promotions) {
    const fromMs = Math.max(branch.bornMs, healedMs) + hearsWithinMs;
    const late = facts.writes.find(
      ({ branch: of, acknowledgedMs }) =>
        of.bornMs < branch.bornMs && acknowledgedMs !== null && acknowledgedMs > fromMs,
    );
    if (late !== undefined) {
      const text = `still open long after b${branch.id} began: ${writeText(late)}`;
      return [{ rule: 'old-side-closes', text }];
    }
  }
  return [];
}

/** A2. What a promotion left behind. */
export function lostBy(facts: Facts, { branch, parent }: PromotionFact): readonly Write[] {
  return facts.writes.filter(
    (write) =>
      write.acknowledgedMs !== null &&
      !cameFrom(write.branch, branch) &&
      ((write.branch === parent && write.lsn > branch.forkLsn) || beside(write, branch, parent)),
  );
}

/** On a branch that left the parent's line before. */
function beside(write: Write, branch: Write['branch'], parent: Write['branch']): boolean {
  return (
    write.branch !== parent &&
    !cameFrom(parent, write.branch) &&
    write.branch.bornMs < branch.bornMs
  );
}

/**
 * A2. A promotion that says that nothing is missing loses no acknowledged write; a switchover says so
 * always. What was acknowledged after an overridden promotion had opened was accepted by name.
 */
export function nothingLost(facts: Facts): readonly Violation[] {
  return facts.promotions.flatMap((promotion) => {
    const { command, run, branch, accepted, openedMs } = promotion;
    if (command === null) return [];
    const claims =
      command.input.lossy === null || run?.kind !== 'failover' || saidComplete(facts, promotion);
    if (!claims) return [];
    const lost = lostBy(facts, promotion).filter(
      ({ acknowledgedMs }) => !accepted || (acknowledgedMs ?? 0) < branch.bornMs,
    );
    const [first] = lost;
    if (first === undefined) return [];
    const what = `${run?.kind ?? 'unknown run'}, proof ${command.input.proof.kind}`;
    return [
      {
        rule: 'nothing-lost',
        text: `${lost.length} acknowledged writes lost by b${branch.id} (${what}, opened ${openedMs}): ${writeText(first)}`,
      },
    ];
  });
}

/** The failover's last look before its point of no return said that no acknowledged write is missing. */
function saidComplete(facts: Facts, { run, branch }: PromotionFact): boolean {
  const found = lastOutcome(facts, run?.runId, 'catch-up', branch.bornMs);
  return found?.record.type === 'outcome' && found.record.evidence['complete'] === true;
}

function lastOutcome(facts: Facts, runId: string | undefined, step: string, beforeMs: number) {
  return facts
    .all('appended')
    .findLast(
      (one) =>
        one.runId === runId &&
        one.record.type === 'outcome' &&
        one.record.step === step &&
        one.atMs <= beforeMs,
    );
}

/** Difference of two wall clocks that are as they should be, ms. */
const skewMs = 4_500;

/** A failover loses nothing from before the time that its plan names, and no more than its bound unless that was overridden. */
export function lossWithinBound(facts: Facts): readonly Violation[] {
  const { scenario } = facts.world;
  if (scenario.faults.some(({ what }) => what === 'jump-wall')) return [];
  return facts.promotions.flatMap((promotion): Violation[] => {
    const { command, run, branch } = promotion;
    if (command === null || command.input.lossy === null || run?.kind !== 'failover') return [];
    if (lastOutcome(facts, run.runId, 'catch-up', branch.bornMs) === undefined) {
      return [{ rule: 'loss-bound', text: `b${branch.id}: no catch-up` }];
    }
    // What the old side went on taking after it was asked to close was known to whoever approved.
    const asked = facts
      .all('appended')
      .find(
        ({ runId, record }) =>
          runId === run.runId && record.type === 'intent' && record.step === 'fence',
      );
    const askedMs = asked?.atMs ?? branch.bornMs;
    if (run.overrides.includes('loss-above-bound')) return [];
    const lost = lostBy(facts, promotion).filter(
      ({ acknowledgedMs }) =>
        acknowledgedMs !== null && acknowledgedMs < askedMs - scenario.lossBoundMs - skewMs,
    );
    const [first] = lost;
    if (first === undefined) return [];
    const text = `${lost.length} writes older than the bound of ${scenario.lossBoundMs} ms lost by b${branch.id}: ${writeText(first)}`;
    return [{ rule: 'loss-bound', text }];
  });
}

/** Nothing is promoted without a proof that is true. */
export function provedPromotions(facts: Facts): readonly Violation[] {
  return facts.promotions.flatMap(({ command, branch, run }): Violation[] => {
    if (branch.by === 'hand') return [];
    const wrong = (text: string): Violation[] => [
      { rule: 'proof', text: `b${branch.id}: ${text}` },
    ];
    if (command === null) return wrong('promoted, and nobody asked for it');
    const { proof } = command.input;
    switch (proof.kind) {
      case 'confirmed':
        if (proof.token !== command.token) return wrong('a proof of another token');
        return fencedBefore(facts, command.token, branch)
          ? []
          : wrong('a confirmed proof of a fence that never ended well');
      case 'expired':
        return facts.world.scenario.strict ? [] : wrong('expiry is a proof in strict mode alone');
      case 'overridden':
        // Closed, but not caught up with: what is overridden then is the loss, not the second writer.
        return acceptsTwo(run) || fencedBefore(facts, command.token, branch)
          ? []
          : wrong('overridden, and nobody accepted two writers by name');
      default:
        return assertNever(proof);
    }
  });
}

function fencedBefore(facts: Facts, token: number, { region, bornMs }: Write['branch']): boolean {
  return facts
    .all('command-ended')
    .some(
      (one) =>
        one.name === 'fence' &&
        one.region !== region &&
        one.token === token &&
        one.error === null &&
        one.atMs < bornMs,
    );
}

/** No id is given out twice by databases whose promotion throwover did. */
export function idsOnce(facts: Facts): readonly Violation[] {
  const byHand = facts.branches.some(({ by }) => by === 'hand');
  if (byHand) return [];
  const seen = new Map<number, Write>();
  for (const write of facts.writes) {
    const before = seen.get(write.id);
    if (before === undefined) {
      seen.set(write.id, write);
      continue;
    }
    const old = before.branch.bornMs < write.branch.bornMs ? before : write;
    const next = old === before ? write : before;
    // The old side went on giving ids out after a person had accepted two writers.
    if (next.branch !== old.branch && old.committedMs > next.branch.bornMs) continue;
    return [
      {
        rule: 'ids-once',
        text: `id ${write.id} twice: ${writeText(before)}; ${writeText(write)}`,
      },
    ];
  }
  return [];
}

/** Synchronous: what is acknowledged is on the standby, or it was written down before that it need not be. */
export function syncRecorded(facts: Facts): readonly Violation[] {
  if (!facts.world.scenario.synchronous) return [];
  const bare = facts.writes.filter(
    ({ acknowledgedMs, covered, branch }) =>
      acknowledgedMs !== null &&
      covered === 'nobody' &&
      branch.by !== 'hand' &&
      !facts.promotions.some((one) => one.accepted && one.branch.bornMs < acknowledgedMs),
  );
  const [first] = bare;
  if (first === undefined) return [];
  return [
    {
      rule: 'sync-recorded',
      text: `${bare.length} writes acknowledged without the standby and without a record: ${writeText(first)}`,
    },
  ];
}

/**
 * A2: what was lost is accounted for row by row, once the old side is back: each write that it had
 * committed beyond the switch, acknowledged or not, and nothing else.
 */
export function ledgerIsExact(facts: Facts): readonly Violation[] {
  const { world, ending } = facts;
  if (!ending.converged) return [];
  const lost = facts.promotions.flatMap(({ branch, parent }) =>
    facts.writes.filter((write) => write.branch === parent && write.lsn > branch.forkLsn),
  );
  const expected = new Set(lost.map(({ branch, lsn }) => `${positionAt(branch, lsn)}#0`));
  const found = new Set([...world.store.state.ledgers.values()].flatMap((all) => [...all.keys()]));
  const missing = [...expected].filter((id) => !found.has(id));
  const foreign = [...found].filter((id) => !expected.has(id));
  if (missing.length === 0 && foreign.length === 0) return [];
  const text = `${missing.length} lost writes are not in the ledger (${missing[0] ?? ''}), ${foreign.length} that are were not lost (${foreign[0] ?? ''})`;
  return [{ rule: 'ledger-exact', text }];
}
