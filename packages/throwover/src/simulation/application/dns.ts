import type { Random } from '../../kernel/kernel.ts';
import { type DnsProvider, type DnsRecord, sameRecord } from '../../traffic/traffic.ts';
import { modelErrors } from '../model-errors.ts';
import type { SimProcess } from '../world/machine.ts';
import { type LocalFaults, local } from '../world/network.ts';

/** A DNS provider's API: its calls may fail before, after or during their effect. */
export class ModelDns {
  record: DnsRecord;
  /** Share of calls that fail, half of them after their effect. */
  failing = 0;
  readonly #random: Random;
  readonly #faults: LocalFaults = { tookMs: 30, slow: 0.05, slowMs: 1_500 };

  constructor(record: DnsRecord, random: Random) {
    this.record = record;
    this.#random = random;
  }

  get active(): string {
    return this.record.generation.region;
  }

  from(process: SimProcess): DnsProvider {
    const random = this.#random;
    const call = <T>(effect: () => T): Promise<T> =>
      local(process, random, this.#faults, () => {
        const fate = random.next();
        if (fate < this.failing / 2) throw modelErrors.make('dns-unreachable', 'before its effect');
        const value = effect();
        if (fate < this.failing) throw modelErrors.make('dns-unreachable', 'after its effect');
        return value;
      });
    return {
      read: () => call(() => this.record),
      readBack: () => call(() => this.record.values),
      replace: (old, next) =>
        call(() => {
          if (next.values.length === 0) throw modelErrors.make('dns-empty-answer', 'no answer');
          if (sameRecord(this.record, next)) return;
          if (!sameRecord(this.record, old)) {
            throw modelErrors.make('dns-lost-race', 'somebody wrote first');
          }
          this.record = next;
        }),
    };
  }
}
