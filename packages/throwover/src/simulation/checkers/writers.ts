import { assertNever } from '../../kernel/kernel.ts';
import { type Branch, positionAt, rootOf, type Write } from '../database/history-of-writes.ts';
import { acceptsTwo, cameFrom, type Facts, type PromotionFact, writeText } from './facts.ts';
import { inWindow } from './meddled.ts';

/**
 * A1. No write of an epoch is acknowledged once the next one is open, unless an override by name,
 * or a person who promoted by hand, accepted it.
 *
 * Strict mode after an expiry: a transaction that began while its lease was in force may end later
 * (its machine stood still in the middle); none may begin.
 */
export function oneWriter(facts: Facts): readonly string[] {
  const said: string[] = [];
  for (const promotion of facts.promotions) {
    const { openedMs, accepted, branch, command } = promotion;
    if (openedMs === null || accepted) continue;
    const expired = command?.input.proof.kind === 'expired';
    const late = acknowledgedBeside(facts, branch, openedMs).filter(
      ({ begunMs }) => !(expired && begunMs <= openedMs),
    );
    const [first] = late;
    if (first === undefined) continue;
    said.push(
      `${late.length} writes acknowledged after b${branch.id} opened at ${openedMs}: ${writeText(first)}`,
    );
  }
  return said;
}

/** Returns the writes on older branches that were acknowledged after `fromMs`. */
function acknowledgedBeside(facts: Facts, { bornMs }: Branch, fromMs: number): readonly Write[] {
  return facts.writes.filter(
    (write) =>
      write.branch.bornMs < bornMs &&
      write.acknowledgedMs !== null &&
      write.acknowledgedMs > fromMs &&
      !inWindow(facts, write),
  );
}

/** Longest time until a guard that everybody answers has heard of a newer epoch and closed, ms. */
const hearsWithinMs = 10_000;

/** A live old side closes by itself once its guard can hear of the newer one, override or not. */
export function oldSideCloses(facts: Facts): readonly string[] {
  const { healedMs } = facts.ending;
  for (const { branch } of facts.promotions) {
    const fromMs = Math.max(branch.bornMs, healedMs) + hearsWithinMs;
    const [late] = acknowledgedBeside(facts, branch, fromMs);
    if (late !== undefined)
      return [`still open long after b${branch.id} began: ${writeText(late)}`];
  }
  return [];
}

/** A2. Returns the acknowledged writes that a promotion left behind. */
export function lostBy(facts: Facts, { branch, parent }: PromotionFact): readonly Write[] {
  return facts.writes.filter(
    (write) =>
      write.acknowledgedMs !== null &&
      !cameFrom(write.branch, branch) &&
      ((write.branch === parent && write.lsn > branch.forkLsn) || beside(write, branch, parent)),
  );
}

/** Whether the write is on a branch that left the parent's line before. */
function beside(write: Write, branch: Branch, parent: Branch): boolean {
  return (
    write.branch !== parent &&
    !cameFrom(parent, write.branch) &&
    write.branch.bornMs < branch.bornMs
  );
}

/**
 * A2. A promotion that claims completeness loses no acknowledged write; a switchover always claims
 * it. Writes acknowledged after an overridden promotion had opened were accepted by name.
 */
export function nothingLost(facts: Facts): readonly string[] {
  return facts.promotions.flatMap((promotion) => {
    const { command, run, branch, accepted, openedMs } = promotion;
    if (command === null) return [];
    const claims =
      command.input.lossy === null || run?.kind !== 'failover' || saidComplete(facts, promotion);
    if (!claims) return [];
    const lost = lostBy(facts, promotion).filter(
      (write) =>
        (!accepted || (write.acknowledgedMs ?? 0) < branch.bornMs) && !inWindow(facts, write),
    );
    const [first] = lost;
    if (first === undefined) return [];
    const what = `${run?.kind ?? 'unknown run'}, proof ${command.input.proof.kind}`;
    return `${lost.length} acknowledged writes lost by b${branch.id} (${what}, opened ${openedMs}): ${writeText(first)}`;
  });
}

/**
 * Whether the failover's last look before its point of no return said that no acknowledged write is
 * missing.
 */
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

/** Largest difference between two wall clocks without a fault, ms. */
const skewMs = 4_500;

/**
 * A failover loses nothing from before the time that its plan names, and no more than its bound
 * unless that was overridden.
 */
export function lossWithinBound(facts: Facts): readonly string[] {
  const { scenario } = facts.world;
  if (scenario.faults.some(({ what }) => what === 'jump-wall')) return [];
  return facts.promotions.flatMap((promotion): string[] => {
    const { command, run, branch } = promotion;
    if (command === null || command.input.lossy === null || run?.kind !== 'failover') return [];
    if (lastOutcome(facts, run.runId, 'catch-up', branch.bornMs) === undefined) {
      return [`b${branch.id}: no catch-up`];
    }
    // The approver, of the last plan, knew that the old side may take writes after it was asked to
    // close.
    const records = facts.all('appended').filter(({ runId }) => runId === run.runId);
    const plannedMs =
      records.findLast(({ atMs, record }) => record.type === 'replanned' && atMs <= branch.bornMs)
        ?.atMs ?? 0;
    const asked = records.find(
      ({ atMs, record }) =>
        atMs >= plannedMs && record.type === 'intent' && record.step === 'fence',
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
    return [text];
  });
}

/** Nothing is promoted without a true proof. */
export function provedPromotions(facts: Facts): readonly string[] {
  return facts.promotions.flatMap(({ command, branch, run }): string[] => {
    if (branch.by === 'hand') return [];
    const wrong = (text: string) => [`b${branch.id}: ${text}`];
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
        // Closed but not caught up: the override accepts the loss, not a second writer.
        return acceptsTwo(run) || fencedBefore(facts, command.token, branch)
          ? []
          : wrong('overridden, and nobody accepted two writers by name');
      default:
        return assertNever(proof);
    }
  });
}

function fencedBefore(facts: Facts, token: number, { region, bornMs }: Branch): boolean {
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

/** No guard promotes the database of another cluster, or replaces its data by a copy. */
export function oneCluster(facts: Facts): readonly string[] {
  const { east, west } = facts.world;
  const own = facts.branches.find(({ id }) => id === 1);
  const promoted = facts.promotions
    .filter(({ branch }) => branch.by === 'guard' && rootOf(branch) !== own)
    .map(({ branch }) => `${branch.region} promoted b${branch.id}, of another cluster`);
  const replaced = facts
    .all('foreign-data-replaced')
    .map(({ region, branch }) => `${region} threw b${branch.id} away, of another cluster`);
  const taught = [east, west].flatMap(({ name, memory: { cluster } }) =>
    cluster.agreed?.identifier === String(own?.id)
      ? []
      : `${name}'s guard has forgotten which cluster both agreed on`,
  );
  return [...promoted, ...replaced, ...taught];
}

/** No id is given out twice by databases that throwover promoted. */
export function idsOnce(facts: Facts): readonly string[] {
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
    // The old side continued to give out ids after a person had accepted two writers.
    if (next.branch !== old.branch && old.committedMs > next.branch.bornMs) continue;
    if (inWindow(facts, old)) continue;
    return [`id ${write.id} twice: ${writeText(before)}; ${writeText(write)}`];
  }
  return [];
}

/**
 * Synchronous: an acknowledged write is on the standby, or it was recorded before that it need not
 * be. Not one that somebody let into a closed database.
 */
export function syncRecorded(facts: Facts): readonly string[] {
  if (!facts.world.scenario.synchronous) return [];
  const bare = facts.writes.filter((write) => {
    const { acknowledgedMs, covered, branch } = write;
    return (
      acknowledgedMs !== null &&
      covered === 'nobody' &&
      branch.by !== 'hand' &&
      !facts.promotions.some((one) => one.accepted && one.branch.bornMs < acknowledgedMs) &&
      !inWindow(facts, write)
    );
  });
  const [first] = bare;
  if (first === undefined) return [];
  return [
    `${bare.length} writes acknowledged without the standby and without a record: ${writeText(first)}`,
  ];
}

/**
 * A2: after the old side is back, the ledger has each write that the old side had committed beyond
 * the switch, acknowledged or not, and nothing else.
 */
export function ledgerIsExact(facts: Facts): readonly string[] {
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
  return [text];
}
