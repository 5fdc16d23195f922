import type { Random } from '../../kernel/kernel.ts';
import {
  type AdoptableDns,
  type DnsRecord,
  mustBeAnswerOf,
  sameValues,
  trafficErrors,
} from '../../traffic/traffic.ts';
import { askNameservers } from '../nameservers.ts';
import { ArcCluster, type ArcEndpoint } from './arc-cluster.ts';

export interface ArcOptions {
  readonly name: string;
  readonly type: DnsRecord['type'];
  /**
   * The records' TTL, s. Route 53's health checks follow the states; the records stay as they are.
   */
  readonly ttlSeconds: number;
  /**
   * The cluster's regional endpoints. AWS has five, and a change needs three of them to be
   * available.
   */
  readonly endpoints: readonly ArcEndpoint[];
  /** The routing control and the record's addresses of each region. */
  readonly regions: Readonly<
    Record<string, { readonly control: string; readonly addresses: readonly string[] }>
  >;
  readonly nameservers?: readonly string[];
  /** Returns the epoch that is open in the store, because ARC stores none with its states. */
  readonly epoch: () => Promise<number>;
  readonly random: Random;
}

/**
 * One routing control per region in Amazon Application Recovery Controller; exactly one is On.
 * Changing states is data plane: it does not depend on the AWS region that is being left.
 *
 * A4 as far as ARC allows it: one call turns one region on and all others off, all or nothing, and
 * ARC's own safety rules keep the answer from being empty. A state has no generation and a change
 * no condition, so the store's epoch and the states are read right before; a controller that stalls
 * between that and the change can overwrite a newer one.
 */
export function arcDns(options: ArcOptions): AdoptableDns {
  const { name, type, ttlSeconds, regions, nameservers } = options;
  const cluster = new ArcCluster(options);
  /**
   * The last change of this process: a run that opens its epoch after the flip has none in the
   * store yet.
   */
  let written: { region: string; epoch: number } | null = null;

  async function onRegions(): Promise<readonly string[]> {
    const states = await cluster.states(Object.values(regions).map(({ control }) => control));
    return Object.keys(regions).filter((region) => {
      const state = states.get(regions[region]?.control ?? '');
      return state === 'On';
    });
  }

  async function read(): Promise<DnsRecord> {
    const on = await onRegions();
    const open = await options.epoch();
    const region = on.join('+') || 'none';
    const epoch = written?.region === region ? Math.max(written.epoch, open) : open;
    return {
      name,
      type,
      ttlSeconds,
      values: on.flatMap((active) => regions[active]?.addresses ?? []),
      generation: { number: epoch, epoch, region },
    };
  }

  async function replace(old: DnsRecord, next: DnsRecord): Promise<void> {
    const { region, epoch } = next.generation;
    const target = regions[region];
    mustBeAnswerOf(options, { old, next });
    if (target === undefined || !sameValues(target.addresses, next.values)) {
      const message = `ARC turns regions on and off, and writes no records: no routing control of ${region} stands for ${next.values.join(', ')}`;
      throw trafficErrors.make('dns-refused', message, { next });
    }
    if (next.ttlSeconds !== ttlSeconds) {
      const message = `ARC writes no records, so it cannot change the TTL of ${name}`;
      throw trafficErrors.make('dns-refused', message, { next });
    }
    const now = await read();
    if (now.generation.epoch > epoch || !sameValues(now.values, old.values)) {
      if (sameValues(now.values, next.values)) return;
      const message = `${now.generation.region} is on, and epoch ${now.generation.epoch} is open`;
      throw trafficErrors.make('dns-lost-race', message, { expected: old, found: now });
    }
    await cluster.set(
      Object.entries(regions).map(([other, { control }]) => ({
        control,
        state: other === region ? 'On' : 'Off',
      })),
    );
    written = { region, epoch };
  }

  return {
    read,
    replace,
    readBack: async () =>
      nameservers === undefined
        ? (await read()).values
        : askNameservers(nameservers, { name, type }),
    // ARC cannot store a generation: the store's epoch is the generation.
    adopt: read,
  };
}
