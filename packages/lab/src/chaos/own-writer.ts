import { systemClock } from 'throwover/kernel';
import { applicationRole, withClient } from '../postgres/postgres.ts';
import { until } from '../world/json.ts';
import type { Lab } from '../world/lab.ts';
import type { RegionName } from '../world/map.ts';

/** Pause between two attempts, ms: short compared with a guard's round of a second. */
const pauseMs = 25;

/** Bound on one attempt, ms. */
const attemptMs = 2_000;

/** Longest wait for a number of attempts, ms. */
const patienceMs = 60_000;

interface Acknowledged {
  readonly key: string;
  /** Wall ms. */
  readonly sentMs: number;
}

/**
 * An application that keeps the database's own address and uses neither doors nor DNS. Each attempt
 * is a separate login as the application's role, and one order; a write counts as acknowledged when
 * COMMIT was answered.
 */
export class OwnWriter {
  readonly acknowledged: Acknowledged[] = [];
  #attempts = 0;
  readonly #lab: Lab;
  readonly #region: RegionName;
  readonly #name: string;
  readonly #stopping = new AbortController();
  readonly #loop: Promise<void>;

  constructor(lab: Lab, region: RegionName, name: string) {
    this.#lab = lab;
    this.#region = region;
    this.#name = name;
    this.#loop = this.#write();
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

  async #write(): Promise<void> {
    for (let n = 1; !this.#stopping.signal.aborted; n++) {
      const key = `own_${this.#name}_${n}`;
      const sentMs = systemClock.wallMs();
      if (await this.#attempt(key)) this.acknowledged.push({ key, sentMs });
      this.#attempts += 1;
      await systemClock.sleep(pauseMs);
    }
  }

  async #attempt(key: string): Promise<boolean> {
    const insert = `INSERT INTO orders (idempotency_key, amount, currency, status, region)
         VALUES ($1, 100, 'eur', 'open', $2)`;
    return withClient(
      this.#lab.map.regions[this.#region].private.postgres,
      (client) => client.query(insert, [key, this.#region]),
      { user: applicationRole, timeoutMs: attemptMs },
    ).then(
      () => true,
      () => false,
    );
  }
}
