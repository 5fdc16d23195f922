import { every, systemClock } from 'throwover/kernel';
import { applicationRole, withClient } from '../postgres/postgres.ts';
import { until } from '../world/json.ts';
import type { Lab } from '../world/lab.ts';
import type { RegionName } from '../world/map.ts';

/** Pause between two attempts, ms: short compared with a guard's round of a second. */
const pauseMs = 25;

/** Bound on one attempt, ms. */
const login = { user: applicationRole, timeoutMs: 2_000 };

/** Longest wait for a number of attempts, ms. */
const patienceMs = 60_000;

const insert = `INSERT INTO orders (idempotency_key, amount, currency, status, region)
  VALUES ($1, 100, 'eur', 'open', $2)`;

/**
 * An application that keeps the database's own address and uses neither doors nor DNS. Each attempt
 * is a separate login as the application's role, and one order; a write counts as acknowledged when
 * COMMIT was answered.
 */
export class OwnWriter {
  /** Times are wall ms. */
  readonly acknowledged: { readonly key: string; readonly sentMs: number }[] = [];
  #attempts = 0;
  readonly #region: RegionName;
  readonly #stopping = new AbortController();
  readonly #loop: Promise<void>;

  constructor(lab: Lab, region: RegionName, name: string) {
    this.#region = region;
    const address = lab.map.regions[region].private.postgres;
    const rhythm = { clock: systemClock, pauseMs, signal: this.#stopping.signal };
    // A write that is refused is no acknowledged one, and all that is known.
    this.#loop = every({ ...rhythm, failed: () => {} }, async () => {
      const key = `own_${name}_${this.#attempts + 1}`;
      const sentMs = systemClock.wallMs();
      try {
        await withClient(address, (client) => client.query(insert, [key, region]), login);
        this.acknowledged.push({ key, sentMs });
      } finally {
        this.#attempts += 1;
      }
    });
  }

  /** Waits until this many more attempts have ended, successful or not. */
  async tries(count: number): Promise<void> {
    const wanted = this.#attempts + count;
    const what = `${count} more attempts to write in ${this.#region}`;
    await until(what, async () => this.#attempts >= wanted, { timeoutMs: patienceMs });
  }

  async end(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }
}
