import { canonicalJson, newId, type Random } from '../../kernel/kernel.ts';
import { withNextToken, withoutRun } from '../epochs.ts';
import type { Store } from '../port.ts';
import { admitAppend, admitBegin, admitTake, inForce, mustHold, mustRun } from '../rules.ts';
import { nextHash, rootHash, verifiedRecords } from './chain.ts';
import { chainedRow, haltRow, type RunRow, summaryRow } from './rows.ts';
import { factsOf, type Session } from './session.ts';

export type RunCalls = Pick<Store, 'beginRun' | 'takeRun' | 'renewRun' | 'append' | 'run' | 'runs'>;

/** The calls for runs and their journals. */
export function runCalls(session: Session, random: Random): RunCalls {
  const { clock, sql, leases, read, write, serviceOf, runOf, keep } = session;

  const verified = (run: RunRow) =>
    verifiedRecords(
      { ...run, runId: run.summary.runId },
      sql.records.all(run.summary.runId).map(chainedRow),
    );

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
            : { ...factsOf(runOf(openRun)), leaseLeftMs: leases.leftMs(openRun) };
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
          begun.token,
          clock.wallMs(),
          leaseMs,
          rootHash(runId, plan),
        );
        keep(known, begun);
        return begun.token;
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
        sql.takeRun.run(owner, taken.token, leaseMs, runId);
        return taken.token;
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

    run: async (runId) =>
      read(() => {
        const run = runOf(runId);
        return inForce(run.summary, JSON.parse(run.plan), verified(run));
      }),

    runs: async ({ service, limit }) =>
      read(() => {
        const rows =
          service === undefined ? sql.runs.all(limit) : sql.runsOfService.all(service, limit);
        return rows.map(summaryRow);
      }),
  };
}
