import {
  done,
  look,
  type Observation,
  Patience,
  pending,
  refused,
  type Step,
  type StepContext,
} from '../runbook/runbook.ts';
import type { Store } from '../store/store.ts';
import type { DatabaseSide } from './database-side.ts';
import { authorityErrors } from './errors.ts';
import { noWritesBecause } from './takes-writes.ts';

/**
 * How long the run waits for an answer of the new region's guard before it continues without one,
 * ms: three of the guard's slowest answers.
 */
const unseenPatienceMs = 6_000;

/**
 * Longest time in which a new region that refuses the application may be opened, ms. Its guard
 * repairs that within one round of one second.
 */
const refusingPatienceMs = 10_000;

/** Pause between two observations, ms. */
const pollMs = 20;

/**
 * The step that opens the next epoch with the new region active. From then on effects of the old
 * epoch are refused. The step also looks at the new region's server: while that refuses the
 * application, no region takes writes.
 */
export function openEpoch(options: {
  store: Store;
  to: string;
  database: DatabaseSide;
}): Step<'open-epoch'> {
  const { store, to, database } = options;
  const writer = new NewWriter(database, { patience: new Patience(unseenPatienceMs) });
  return {
    name: 'open-epoch',
    title: `Open the next epoch with ${to} active`,
    waits: 'machine',
    timeoutMs: 60_000,
    pollMs,
    undo: { none: 'comes after the point of no return' },
    observe: (context) =>
      look(async () => {
        const { run } = context;
        // The question to the guard runs at the same time as the one to the store, because no
        // region takes writes meanwhile. It is awaited only when the epoch is open.
        const looking = writer.look(context);
        const { epoch, active } = await store.service(run.service);
        if (epoch !== run.epoch + 1 || active !== to) return pending({ epoch, active });
        const seen = await looking;
        return seen.state === 'done' ? done({ epoch, active, ...seen.evidence }) : seen;
      }),
    act: async ({ run }) => {
      await store.openEpoch({
        service: run.service,
        runId: run.runId,
        token: run.token,
        epoch: run.epoch + 1,
        active: to,
      });
    },
  };
}

/**
 * The last step of a run: the active region takes writes, as its guard has seen on the server since
 * this step began. An observation from before the promotion does not count: somebody may have
 * closed the server since. A guard that does not answer does not count either: then the run stays
 * open.
 */
export function seeWriter({ database }: { database: DatabaseSide }): Step<'see-writer'> {
  const writer = new NewWriter(database, { lookedSince: true });
  return {
    name: 'see-writer',
    title: `See that ${database.region}'s database takes writes`,
    waits: 'machine',
    timeoutMs: 60_000,
    pollMs,
    undo: { none: 'it only looks' },
    observe: (context) => writer.look(context),
    act: async () => {},
  };
}

/**
 * Observes whether the new active region takes writes. A region that does not is an outage, which
 * no run may report as a success.
 */
class NewWriter {
  readonly #database: DatabaseSide;
  readonly #lookedSince: boolean;
  readonly #patience: Patience | null;
  #askedSinceMs: number | null = null;
  #refusingSinceMs: number | null = null;

  /**
   * `lookedSince`: the guard must have looked at the server after this object's first question.
   * `patience`: how long its answer is waited for; without it, for as long as the step may take.
   */
  constructor(
    database: DatabaseSide,
    { lookedSince = false, patience }: { lookedSince?: boolean; patience?: Patience },
  ) {
    this.#database = database;
    this.#lookedSince = lookedSince;
    this.#patience = patience ?? null;
  }

  look({ clock }: StepContext) {
    const { region } = this.#database;
    this.#askedSinceMs ??= clock.monotonicMs();
    const askedSinceMs = this.#askedSinceMs;
    const patient = this.#patience;
    const seen = (ask: () => Promise<Observation>) =>
      patient === null ? look(ask) : patient.look(clock, ask);
    return seen(async () => {
      const askedForMs = clock.monotonicMs() - askedSinceMs;
      const status = await this.#database.status();
      const why = noWritesBecause(status);
      if (why === null) {
        this.#refusingSinceMs = null;
        const ageMs = status.observed?.ageMs ?? 0;
        if (this.#lookedSince && ageMs > askedForMs) return pending({ seenBefore: true });
        return done({ takesWrites: true });
      }
      this.#refusingSinceMs ??= clock.monotonicMs();
      const forMs = clock.monotonicMs() - this.#refusingSinceMs;
      if (forMs < refusingPatienceMs) return pending({ takesNoWrites: why });
      return refused(
        authorityErrors.make(
          'active-takes-no-writes',
          `${region} is active and takes no writes of the application: ${why}`,
          { region, why },
        ),
      );
    });
  }
}
