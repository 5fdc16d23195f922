import { type Quantiles, quantiles } from 'throwover/kernel';
import type { ClientRecord, OwnRead } from '../clients/own-reads.ts';
import type { RegionName } from '../world/map.ts';

/**
 * Places where a read is answered. `writer`: the read service of the active region; `replica`: that
 * of the standby.
 */
const places = ['door', 'writer', 'replica'] as const;
type Place = (typeof places)[number];

export type ReadLatency = ReturnType<typeof readLatency>;

/** Returns how long successful reads took, by the place that answered, ms as the clients saw it. */
export function readLatency(records: readonly ClientRecord[], active: RegionName) {
  const reads = records.flatMap((record) => {
    const { own, entry, endMs, sentMs } = record;
    if (own?.outcome !== 'fresh') return [];
    return [{ own, place: placeOf(own, entry === active), ms: endMs - sentMs }];
  });
  const latency = (place: Place) => {
    const here = reads.filter((read) => read.place === place);
    const took = (carried: boolean) =>
      quantiles(here.filter(({ own }) => own.carried === carried).map(({ ms }) => ms));
    return {
      withToken: took(true),
      withoutToken: took(false),
      /** The part of `withToken` that was waiting, with the looks. */
      waitedMs: waitedMs(here.map(({ own }) => own)),
    };
  };
  return { door: latency('door'), writer: latency('writer'), replica: latency('replica') };
}

/** Returns how long reads with a token waited, ms, including refused ones. */
export function waitedMs(reads: readonly (OwnRead | undefined)[]): Quantiles | null {
  return quantiles(
    reads.flatMap((own) => (own?.carried === true ? (own.seen?.waitedMs ?? []) : [])),
  );
}

function placeOf({ path }: OwnRead, atActive: boolean): Place {
  if (path === 'door') return 'door';
  return atActive ? 'writer' : 'replica';
}
