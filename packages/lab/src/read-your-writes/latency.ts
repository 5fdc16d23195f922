import { type Quantiles, quantiles } from 'throwover/kernel';
import type { ClientRecord, OwnRead } from '../clients/own-reads.ts';
import type { RegionName } from '../world/map.ts';

/** Where a read is answered. `writer`: at the read service of the active region; `replica`: at that of the standby. */
const places = ['door', 'writer', 'replica'] as const;
type Place = (typeof places)[number];

interface Latency {
  readonly withToken: Quantiles | null;
  readonly withoutToken: Quantiles | null;
  /** The part of `withToken` that the wait took, its looks included. */
  readonly waitedMs: Quantiles | null;
}

export type ReadLatency = Readonly<Record<Place, Latency>>;

/** How long reads took that were answered well, by where they were answered, ms as the clients saw it. */
export function readLatency(records: readonly ClientRecord[], active: RegionName): ReadLatency {
  const reads = records.flatMap((record) => {
    const { own, entry, endMs, sentMs } = record;
    if (own?.outcome !== 'fresh') return [];
    return [{ own, place: placeOf(own, entry === active), ms: endMs - sentMs }];
  });
  const latency = (place: Place): Latency => {
    const here = reads.filter((read) => read.place === place);
    const took = (carried: boolean) =>
      quantiles(here.filter(({ own }) => own.carried === carried).map(({ ms }) => ms));
    return {
      withToken: took(true),
      withoutToken: took(false),
      waitedMs: waitedMs(here.map(({ own }) => own)),
    };
  };
  return { door: latency('door'), writer: latency('writer'), replica: latency('replica') };
}

/** What reads with a token waited, ms; those that were refused included. */
export function waitedMs(reads: readonly (OwnRead | undefined)[]): Quantiles | null {
  return quantiles(
    reads.flatMap((own) => (own?.carried === true ? (own.seen?.waitedMs ?? []) : [])),
  );
}

function placeOf({ path }: OwnRead, atActive: boolean): Place {
  if (path === 'door') return 'door';
  return atActive ? 'writer' : 'replica';
}
