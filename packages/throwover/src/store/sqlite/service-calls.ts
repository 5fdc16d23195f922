import { adopted, opened, registered, toldSync } from '../epochs.ts';
import { driftBound } from '../limits.ts';
import type { Store } from '../port.ts';
import { renewal, writerRestored, writerStopped } from '../writer.ts';
import type { LossCalls } from './loss-calls.ts';
import { haltRow, serviceFacts } from './rows.ts';
import type { RunCalls } from './run-calls.ts';
import { factsOf, type Session } from './session.ts';

type ServiceCalls = Omit<Store, keyof RunCalls | keyof LossCalls>;

/** The calls for services, their epochs and writers. */
export function serviceCalls(session: Session): ServiceCalls {
  const { sql, grants, read, write, serviceOf, runOf, keep } = session;

  return {
    registerService: async (input) =>
      write(() => {
        const row = sql.service.get(input.name);
        const known = row && serviceFacts(row);
        return keep(known, registered(known, input));
      }),

    service: async (name) => read(() => serviceOf(name).state),

    openEpoch: async (input) =>
      write(() => {
        const known = serviceOf(input.service);
        return keep(known, opened(known, factsOf(runOf(input.runId)), input));
      }),

    adoptEpoch: async (input) =>
      write(() => {
        const known = serviceOf(input.service);
        return keep(known, adopted(known, input));
      }),

    // The look and the grant are one turn of the event loop: no epoch is opened and no stop is made
    // between them. It is no commit, so a store that can no longer write still keeps a healthy
    // writer open; a stop that could not be written has given no proof to anyone.
    renewWriter: async (input) => {
      const answer = renewal(
        read(() => serviceOf(input.service)),
        input,
      );
      if (answer.kind === 'granted') grants.note(input.service, input.leaseMs);
      return answer;
    },

    // The stop is on disk before the answer, so after a restart no lease is granted that was
    // reported as expired.
    expireWriter: async ({ service, runId, token }) => {
      const { known, stopped } = read(() => {
        const facts = serviceOf(service);
        return { known: facts, stopped: writerStopped(facts, factsOf(runOf(runId)), token) };
      });
      if (stopped !== known) write(() => keep(known, stopped));
      const { active: region, epoch } = stopped.state;
      return { ...grants.expiry(service), region, epoch, driftBound };
    },

    restoreWriter: async ({ service, runId, token }) =>
      write(() => {
        const known = serviceOf(service);
        keep(known, writerRestored(known, factsOf(runOf(runId)), token));
      }),

    recordSync: async (input) =>
      write(() => {
        const known = serviceOf(input.service);
        keep(known, toldSync(known, input));
      }),

    setHalt: async (halt) =>
      write(() => {
        if (halt === null) sql.endHalt.run();
        else sql.setHalt.run(JSON.stringify(halt));
      }),

    halt: async () => read(() => haltRow(sql.halt.get())),
  };
}
