import { isSideRow } from '../../authority/authority.ts';
import { holds } from '../database/history-of-writes.ts';
import type { Noted } from '../world/history.ts';
import { type Facts, seconds } from './facts.ts';
import { openedBySomebody } from './meddled.ts';

/** Longest time that a command may continue at a guard after it began there, ms. */
const commandMs = 45_000;

/**
 * A healthy writer stays open: it closes only for a command, a newer branch, or the end of its
 * database.
 */
export function staysOpen(facts: Facts): readonly string[] {
  const { scenario } = facts.world;
  for (const { region, atMs, why, branch } of facts.all('closed')) {
    const commanded = facts
      .all('command')
      .some(
        (one) =>
          one.region === region &&
          one.atMs <= atMs &&
          one.atMs > atMs - commandMs &&
          ['fence', 'promote', 'attach', 'stop'].includes(one.name),
      );
    if (commanded || why.startsWith('somebody')) continue;
    if (openedBySomebody(facts, region, atMs)) continue;
    const newer = facts
      .all('promoted')
      .some(
        (one) => one.region !== region && one.atMs <= atMs && one.branch.bornMs > branch.bornMs,
      );
    if (newer) continue;
    if (why === 'ended') {
      const struck = facts
        .all('fault')
        .some(({ what, atMs: at }) => /crash-database|lose-region/.test(what) && at <= atMs);
      if (struck) continue;
    }
    return [
      `${region} closed at ${seconds(atMs)} (${why}) in ${scenario.family}: nobody asked for it`,
    ];
  }
  return [];
}

/** What a guard remembers of its side changes only as the rows say, of which the docs have a picture. */
export function sidesChangeInRows(facts: Facts): readonly string[] {
  return facts.all('guard').flatMap(({ region, event, atMs }) => {
    if (event.type !== 'side-changed' || isSideRow(event)) return [];
    const { from, on, to } = event;
    return `${region} at ${seconds(atMs)}: no row for ${from}, ${on}, ${to}`;
  });
}

/**
 * A database that was down opens only after its guard had an answer. An exception is a database
 * whose accepted promotion has not ended: its guard may finish that at any time, since no other
 * side can open any more.
 */
export function opensOnAWord(facts: Facts): readonly string[] {
  const silent = new Set<string>();
  const unfinished = new Set<string>();
  for (const one of facts.noted) {
    if (one.type === 'promoted' && one.branch.by === 'guard') unfinished.add(one.region);
    if (endsPromotion(one)) unfinished.delete(one.region);
    if (one.type === 'closed' && one.why === 'ended') {
      if (!unfinished.has(one.region)) silent.add(one.region);
    } else if (one.type === 'heard' || one.type === 'promoted') silent.delete(one.region);
    // An unfence has an opening proof, which the guard checks.
    else if (one.type === 'command' && one.name === 'unfence') silent.delete(one.region);
    else if (
      one.type === 'opened' &&
      !one.why.startsWith('somebody') &&
      silent.delete(one.region)
    ) {
      const text = `${one.region} opened at ${seconds(one.atMs)}, and nobody had vouched for it since it was down`;
      return [text];
    }
  }
  return [];
}

function endsPromotion(one: Noted): one is Extract<Noted, { region: string }> {
  return (
    (one.type === 'command-ended' && one.name === 'promote' && one.error === null) ||
    (one.type === 'opened' && one.why.startsWith('guard'))
  );
}

/**
 * A switchover's fence ends without anybody typing, and so does the closed start of a region that
 * came back.
 */
export function nobodyNeedsToType(facts: Facts): readonly string[] {
  const { scenario } = facts.world;
  if (scenario.strict) return [];
  const answer = facts.all('answer').find(({ what }) => what === 'writer');
  if (answer === undefined || answer.detail !== '0') return [];
  const kinds = kindsBefore(facts, answer.atMs);
  // A failover's fence stays until its run is carried on: it was asked for because the region is
  // unhealthy.
  if (kinds.some((kind) => kind !== 'switchover')) return [];
  // The state at that time; later people carry the run on.
  const accepted = facts.all('answer').find(({ what }) => what === 'accepted');
  if (accepted?.detail !== '0' && !scenario.serveTakesOver) return [];
  return ['no writer after all had healed and nobody typed anything'];
}

/** Returns the kinds of the runs that began before people brought everything in order. */
function kindsBefore(facts: Facts, beforeMs: number): readonly string[] {
  return facts.all('run-begun').flatMap(({ kind, atMs }) => (atMs < beforeMs ? kind : []));
}

/**
 * A standby that a switchover has attached comes back by itself after every end of its database.
 */
export function standbyReturns(facts: Facts): readonly string[] {
  const standby = facts.all('answer').find(({ what }) => what === 'standby');
  if (standby === undefined || standby.detail !== '0') return [];
  const kinds = kindsBefore(facts, standby.atMs);
  const attached = facts
    .all('appended')
    .some(
      ({ record, atMs }) =>
        record.type === 'ended' && record.status === 'succeeded' && atMs < standby.atMs,
    );
  const byHand = facts.branches.some(({ by }) => by === 'hand');
  if (!attached || byHand || kinds.some((kind) => kind !== 'switchover')) return [];
  return ['attached, and down after all had healed and nobody typed anything'];
}

/** After healing everything is in order: a writer, a standby, no open run, no fence left. */
export function converges({ ending, world }: Facts): readonly string[] {
  if (ending.converged) return [];
  const { store, sites } = world;
  const { known } = store;
  const said = sites.map(({ name, server, memory, gateway }) => {
    const left = gateway.events.filter(({ state }) => state !== 'delivered').length;
    return `${name}: ${server.running ? server.role : 'down'} hba ${server.hba} b${server.copy.branch.id} lease ${server.leaseHolds()} memory ${JSON.stringify(memory)} undelivered ${left}`;
  });
  const text = `store: epoch ${known?.epoch} active ${known?.active} run ${known?.openRun}; ${said.join('; ')}`;
  return [text];
}

/** A run that moved the service succeeds only if the new region could take a write by then. */
export function successIsOpen(facts: Facts): readonly string[] {
  for (const { runId, record, atMs } of facts.all('appended')) {
    if (record.type !== 'ended' || record.status !== 'succeeded') continue;
    const promotion = facts.promotions.findLast(
      ({ run, branch }) => run?.runId === runId && branch.bornMs <= atMs,
    );
    if (promotion === undefined) continue;
    const { openedMs, branch } = promotion;
    if (openedMs !== null && openedMs <= atMs) continue;
    const text = `run ${runId} succeeded, and ${branch.region} had never taken a write on b${branch.id}`;
    return [text];
  }
  return [];
}

/** The journal explains the state: every act and every undo has its intent before it. */
export function intentsFirst(facts: Facts): readonly string[] {
  const intents = new Set<string>();
  for (const one of facts.noted) {
    if (one.type === 'appended' && one.record.type === 'intent') {
      intents.add(`${one.runId} ${one.record.step}`);
    } else if (one.type === 'appended' && one.record.type === 'undo-intent') {
      intents.add(`${one.runId} undo ${one.record.step}`);
    } else if (one.type === 'step' && one.what !== 'look') {
      const key = `${one.runId} ${one.what === 'undo' ? 'undo ' : ''}${one.step}`;
      if (intents.has(key)) continue;
      const text = `${one.controller} began to ${one.what} ${one.step} without an intent in the journal`;
      return [text];
    }
  }
  return [];
}

/** An act with an unknown outcome is observed again before it is repeated. */
export function looksBeforeRepeats(facts: Facts): readonly string[] {
  const acted = new Set<string>();
  for (const one of facts.all('step')) {
    // One process may take a run over that it has left before: with a new token it begins with a look.
    const key = `${one.controller} ${one.token} ${one.runId} ${one.step}`;
    if (one.what === 'look') acted.delete(key);
    if (one.what !== 'act') continue;
    if (acted.has(key)) {
      return [`${one.controller} repeated ${one.step} without a look`];
    }
    acted.add(key);
  }
  return [];
}

/** A command of an older controller is refused once a guard has seen a newer token. */
export function newestToken(facts: Facts): readonly string[] {
  const highest = new Map<string, { token: number; atMs: number }>();
  for (const one of facts.all('command-ended')) {
    if (one.error !== null) continue;
    const seen = highest.get(one.region);
    if (seen !== undefined && one.token < seen.token && one.begunMs > seen.atMs) {
      const acts = ['fence', 'unfence', 'promote', 'stop', 'attach'].includes(one.name);
      if (acts) {
        const text = `${one.region} did ${one.name} for token ${one.token} after it had seen ${seen.token}`;
        return [text];
      }
    }
    if (seen === undefined || one.token > seen.token) {
      highest.set(one.region, { token: one.token, atMs: one.atMs });
    }
  }
  return [];
}

/** A new controller claims a taken run at the guards before it does anything. */
export function claimsFirst(facts: Facts): readonly string[] {
  const taken = new Map<number, string>();
  const admitted = new Set<number>();
  for (const one of facts.noted) {
    if (one.type === 'run-taken') taken.set(one.token, one.runId);
    if (one.type === 'command' && one.name === 'admit') admitted.add(one.token);
    if (one.type === 'appended' && one.record.type === 'taken-over') {
      // The record names the guards that could not be reached.
      if ('claimed' in one.record) admitted.add(one.token);
    }
    if (one.type !== 'step' || one.what === 'look' || !taken.has(one.token)) continue;
    if (admitted.has(one.token)) continue;
    const text = `${one.controller} began to ${one.what} ${one.step} before its token was known to any guard`;
    return [text];
  }
  return [];
}

/** Only the run's newest controller writes to its journal. */
export function oneVoice(facts: Facts): readonly string[] {
  const newest = new Map<string, number>();
  for (const one of facts.noted) {
    if (one.type === 'run-begun' || one.type === 'run-taken') newest.set(one.runId, one.token);
    if (one.type !== 'appended' || one.token >= (newest.get(one.runId) ?? 0)) continue;
    const text = `token ${one.token} wrote ${one.record.type} after token ${newest.get(one.runId)} had the run`;
    return [text];
  }
  return [];
}

/** An epoch is opened at the store only after its writer was promoted. */
export function epochsAfterPromotions(facts: Facts): readonly string[] {
  for (const { epoch, active, atMs } of facts.all('epoch-opened')) {
    const promoted = facts.all('promoted').some((one) => one.region === active && one.atMs <= atMs);
    if (!promoted) return [`epoch ${epoch} with ${active}, which nobody promoted`];
  }
  return [];
}

/** An event younger than this may still be on its way, ms. */
const onTheWayMs = 9_000;

/** A3. Every accepted webhook has its effect in the database that survived. */
export function webhooksArrive({ world, ending, writes }: Facts): readonly string[] {
  if (!ending.converged) return [];
  const writer = world.sites.find(({ server }) => server.takesWrites)?.server;
  if (writer === undefined) return [];
  const copy = { branch: writer.copy.branch, lsn: writer.insertedLsn };
  const effective = new Set(
    writes.filter(({ branch, lsn }) => holds(copy, branch, lsn)).map(({ event }) => event),
  );
  const beforeMs = world.queue.nowMs() - onTheWayMs;
  const missing = world.accepted
    .filter(({ id, atMs }) => atMs < beforeMs && !effective.has(id))
    .map(({ id }) => id);
  if (missing.length === 0) return [];
  const text = `${missing.length} of ${world.accepted.length} accepted events without an effect: ${missing.slice(0, 3).join(', ')}`;
  return [text];
}

/** Read-your-writes: "satisfied" means that the write is there, "lost" that it never will be. */
export function readsAreTrue(facts: Facts): readonly string[] {
  for (const { region, write, outcome, reason, held, may } of facts.all('read')) {
    const wrong = outcome === 'satisfied' ? !held : outcome === 'lost' && may;
    if (!wrong) continue;
    const text = `${region} said ${outcome} (${reason}) of write ${write.key} on b${write.branch.id}, which ${held ? 'is' : 'is not'} there`;
    return [text];
  }
  return [];
}

/** An error that a user cannot cause is a bug. */
export function noBugs(facts: Facts): readonly string[] {
  return facts.all('bug').map(({ where, error }) => `${where}: ${error}`);
}
