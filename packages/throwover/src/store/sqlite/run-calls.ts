import { canonicalJson, newId, type Random } from '../../kernel/kernel.ts';
import { damageFound } from '../damage.ts';
import { withNextToken, withoutDamaged, withoutRun } from '../epochs.ts';
import { storeErrors } from '../errors.ts';
import type { Store } from '../port.ts';
import {
  admitAppend,
  admitBegin,
  admitEnding,
  admitTake,
  inForce,
  mustHold,
  mustNotBeAbandoned,
  mustRun,
  noSuchRun,
} from '../rules.ts';
import { nextHash, parsed, rootHash, verifiedRecords } from './chain.ts';
import { chainedRow, endingRow, haltRow, type RunRow, runRow, summaryRow } from './rows.ts';
import { factsOf, type Session } from './session.ts';

export type RunCalls = Pick<
  Store,
  'beginRun' | 'takeRun' | 'renewRun' | 'append' | 'endDamaged' | 'run' | 'runs'
>;

/** The calls for runs and their journals. */
export function runCalls(session: Session, random: Random): RunCalls {
  const { clock, sql, leases, read, write, serviceOf, runOf, keep } = session;

  const verified = (run: RunRow) => {
    mustNotBeAbandoned(run.summary);
    const { runId } = run.summary;
    const records = verifiedRecords({ ...run, runId }, sql.records.all(runId).map(chainedRow));
    return inForce(run.summary, parsed(run.plan), records);
  };

  /** What keeps this run from being read; `null`: nothing. A row that is gone is damage too. */
  const damageOf = (runId: string) => {
    const row = sql.run.get(runId);
    return row === undefined
      ? storeErrors.make('journal-damaged', `run ${runId}: its row is gone`, { runId })
      : damageFound(() => read(() => verified(runRow(row))));
  };

  /** Its row may be gone. */
  const ownerOf = (runId: string) => {
    const row = sql.run.get(runId);
    return row === undefined ? {} : { owner: summaryRow(row).owner };
  };

  return {
    beginRun: async (input) => {
      const runId = newId('run', clock, random);
      const plan = canonicalJson(input.plan ?? null);
      const token = write(() => {
        const known = serviceOf(input.service);
        const { openRun } = known.state;
        const open =
          openRun === null
            ? undefined
            : { runId: openRun, ...ownerOf(openRun), leaseLeftMs: leases.leftMs(openRun) };
        admitBegin(known.state, open, haltRow(sql.halt.get()), input, plan);
        const begun = withNextToken(known, runId);
        const { service, kind, from, to, epoch, planDigest, owner, leaseMs } = input;
        sql.addRun.run(
          runId,
          service,
          kind,
          from,
          to,
          epoch,
          planDigest,
          plan,
          owner,
          begun.state.token,
          clock.wallMs(),
          leaseMs,
          rootHash(runId, plan),
        );
        keep(known, begun);
        return begun.state.token;
      });
      leases.start(runId, input.leaseMs);
      return { runId, token, leaseMs: input.leaseMs };
    },

    takeRun: async ({ runId, owner, leaseMs, force }) => {
      const token = write(() => {
        const run = runOf(runId);
        admitTake(factsOf(run), leases.leftMs(runId), force);
        // A journal that cannot be read cannot be carried on, so the run stays with its present
        // controller.
        verified(run);
        const known = serviceOf(run.summary.service);
        const taken = withNextToken(known, runId);
        keep(known, taken);
        sql.takeRun.run(owner, taken.state.token, leaseMs, runId);
        return taken.state.token;
      });
      leases.start(runId, leaseMs);
      return { runId, token, leaseMs };
    },

    // Leases are only in memory: a renewal is no commit, so it never makes an append wait for the
    // disk.
    renewRun: async ({ runId, token, leaseMs }) => {
      const { run, halted } = read(() => ({ run: runOf(runId), halted: haltRow(sql.halt.get()) }));
      mustHold(factsOf(run), token);
      mustRun(factsOf(run));
      leases.start(runId, leaseMs);
      return { halted };
    },

    append: async (input) => {
      const { runId } = input;
      const added = write(() => {
        const run = runOf(runId);
        const records = admitAppend(factsOf(run), input, {
          text: canonicalJson,
          same: (seq, text) => sql.record.get(runId, seq)?.['body'] === text,
        });
        let hash = run.lastHash;
        for (const { record, text } of records) {
          hash = nextHash(hash, text);
          sql.addRecord.run(runId, record.seq, text, hash);
          sql.grow.run(record.seq, hash, runId);
          if (record.type === 'replanned') sql.replan.run(record.kind, record.digest, runId);
          if (record.type !== 'ended') continue;
          sql.endRun.run(record.status, record.wallMs, runId);
          const known = serviceOf(run.summary.service);
          keep(known, withoutRun(known));
        }
        return records;
      });
      if (added.some(({ record }) => record.type === 'ended')) leases.end(runId);
    },

    endDamaged: async ({ runId, by, reason }) => {
      const before = read(() => sql.ending.get(runId));
      if (before !== undefined) return endingRow(before);
      // Before the transaction: a page that cannot be read must not end it. Nothing comes in between.
      const found = read(() => damageOf(runId));
      const ending = write(() => {
        const holder = sql.holder.get(runId)?.['name'];
        const row = sql.run.get(runId);
        if (row === undefined && holder === undefined) throw noSuchRun(runId);
        const run = row === undefined ? null : runRow(row);
        const known = serviceOf(String(holder ?? run?.summary.service));
        const { name: service, epoch, active, regions } = known.state;
        const open = holder !== undefined;
        const facts = run?.summary ?? { runId, status: 'running' as const };
        const leaseLeftMs = leases.leftMs(runId);
        const facing = { ...facts, service, leaseLeftMs, open };
        const damage = admitEnding(facing, found).message;
        const { token } = keep(known, withoutDamaged(known, runId));
        const wallMs = clock.wallMs();
        if (run === null) {
          const to = regions.find((region) => region !== active) ?? active;
          const gone = [runId, service, 'unknown', active, to, epoch, 'unknown', 'null', 'unknown'];
          sql.addRun.run(...gone, token, wallMs, 0, rootHash(runId, 'null'));
        }
        sql.addEnding.run(runId, service, token, by, reason, damage, wallMs);
        return { runId, service, token, by, reason, damage, wallMs };
      });
      leases.end(runId);
      return ending;
    },

    run: async (runId) =>
      read(() => {
        const run = runOf(runId);
        return verified(run);
      }),

    runs: async ({ service, limit }) =>
      read(() => {
        const rows =
          service === undefined ? sql.runs.all(limit) : sql.runsOfService.all(service, limit);
        return rows.map(summaryRow);
      }),
  };
}
