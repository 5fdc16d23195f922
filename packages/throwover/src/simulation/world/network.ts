import type { EventQueue, Random } from '../../kernel/kernel.ts';
import type { SimProcess } from './machine.ts';

/** How unreliable the network is, per message. */
export interface Weather {
  readonly lose: number;
  readonly duplicate: number;
  /** Share of messages that are delayed by up to `heldBackMs`, so that others overtake them. */
  readonly holdBack: number;
  readonly heldBackMs: number;
}

export const clearWeather: Weather = { lose: 0, duplicate: 0, holdBack: 0, heldBackMs: 0 };

/** Messages between places; each direction of each link is independent. */
export class Network {
  weather: Weather = clearWeather;
  readonly #queue: EventQueue;
  readonly #random: Random;
  readonly #latencyMs: (from: string, to: string) => number;
  /** Number of cuts of each link that is cut, by name. */
  readonly #cut = new Map<string, number>();

  constructor(options: {
    queue: EventQueue;
    random: Random;
    latencyMs: (from: string, to: string) => number;
  }) {
    this.#queue = options.queue;
    this.#random = options.random;
    this.#latencyMs = options.latencyMs;
  }

  /** Cuts add up: a link is open again when each of them was mended. */
  cut(from: string, to: string): void {
    const link = `${from}>${to}`;
    this.#cut.set(link, (this.#cut.get(link) ?? 0) + 1);
  }
  mend(from: string, to: string): void {
    const link = `${from}>${to}`;
    const left = (this.#cut.get(link) ?? 0) - 1;
    if (left > 0) this.#cut.set(link, left);
    else this.#cut.delete(link);
  }
  mendAll(): void {
    this.#cut.clear();
  }
  open(from: string, to: string): boolean {
    return from === to || this.#cut.size === 0 || !this.#cut.has(`${from}>${to}`);
  }
  /** Whether messages go both ways. */
  reaches(a: string, b: string): boolean {
    return this.open(a, b) && this.open(b, a);
  }
  latencyMs(from: string, to: string): number {
    return from === to ? 0.1 : this.#latencyMs(from, to) * (0.9 + 0.3 * this.#random.next());
  }

  /** Sends a message. `arrive` runs when it arrives; never when it is lost. */
  send(from: string, to: string, arrive: () => void, options: { once?: boolean } = {}): void {
    if (!this.open(from, to)) return;
    const { lose, duplicate, holdBack, heldBackMs } = this.weather;
    if (lose > 0 && this.#random.next() < lose) return;
    this.#travel(from, to, arrive, this.#random.next() < holdBack ? heldBackMs : 0);
    if (duplicate > 0 && options.once !== true && this.#random.next() < duplicate) {
      this.#travel(from, to, arrive, heldBackMs);
    }
  }

  #travel(from: string, to: string, arrive: () => void, heldBackMs: number): void {
    const ms = this.latencyMs(from, to) + (heldBackMs > 0 ? this.#random.next() * heldBackMs : 0);
    this.#queue.after(ms, () => {
      if (this.open(from, to)) arrive();
      else this.#queue.nothingMoved();
    });
  }
}

/** A service at a place: the process that provides it now, or none. */
export interface Address<S> {
  readonly place: string;
  /** Whether no machine is there: then not even a refusal comes back. Absent: one always is. */
  dark?(): boolean;
  current(): { readonly process: SimProcess; readonly service: S } | null;
}

/**
 * A call over the network. The request or the answer may be lost, be late, or come twice; the
 * callee may end before, during or after its work. When no process is there, the call is refused at
 * once. Without an answer it rejects with `away()` after `deadlineMs` on the caller's clock, and
 * its outcome is unknown.
 */
export function request<S, T>(
  network: Network,
  caller: SimProcess,
  to: Address<S>,
  work: (service: S) => Promise<T>,
  options: { deadlineMs: number; away: (why: string) => Error; once?: boolean },
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (!caller.step()) return;
    const from = caller.machine.name;
    const { deadlineMs, away, once = false } = options;
    let open = true;
    const settle = (then: () => void) =>
      caller.deliver(() => {
        if (!open || !caller.step()) return;
        open = false;
        patience.cancel();
        then();
      });
    const patience = caller.timer(deadlineMs, () => settle(() => reject(away('timeout'))));
    const answer = (then: () => void) =>
      network.send(to.place, from, () => settle(then), { once: true });
    const arrive = () => {
      const callee = to.current();
      if (callee === null) {
        if (!to.dark?.()) answer(() => reject(away('refused')));
        return;
      }
      const { process, service } = callee;
      process.deliver(() => {
        if (!process.step()) return;
        work(service).then(
          (value) => {
            if (process.alive) answer(() => resolve(value));
          },
          (error) => {
            if (process.alive) answer(() => reject(error));
          },
        );
      });
    };
    network.send(from, to.place, arrive, { once });
  });
}

/** Faults of calls on the same machine: to a disk or a database. */
export interface LocalFaults {
  /** Longest normal time, ms. */
  readonly tookMs: number;
  /** Share of calls that take up to `slowMs` instead. */
  readonly slow: number;
  readonly slowMs: number;
}

/** A call on the same machine: the process may end before or after its effect. */
export function local<T>(
  process: SimProcess,
  random: Random,
  faults: LocalFaults,
  effect: () => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (!process.step()) return;
    const slow = faults.slow > 0 && random.next() < faults.slow;
    const tookMs = random.next() * (slow ? faults.slowMs : faults.tookMs);
    process.machine.queue.after(tookMs, () =>
      process.deliver(() => {
        try {
          const value = effect();
          if (process.step()) resolve(value);
        } catch (error) {
          if (process.step()) reject(error);
        }
      }),
    );
  });
}
