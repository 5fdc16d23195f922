import {
  type Cause,
  causeReader,
  causes,
  type EpochReport,
  type RequestRecord,
  type SurveyedResolver,
} from 'throwover';
import { addressOf } from '../clients/traffic.ts';

/** Why a client went to the old region, as the client itself knows. */
export const trueCauses = [
  'resolver-tail',
  'pinned-connection',
  'runtime-cache',
] as const satisfies readonly Cause[];
type TrueCause = (typeof trueCauses)[number];

/**
 * Stragglers by the cause that their clients know (rows) and by the door's conclusion (columns).
 */
export type Confusion = Readonly<Record<TrueCause, Readonly<Record<Cause, number>>>>;

interface Straggler {
  readonly network: string;
  readonly atMs: number;
}

/**
 * Compares a door's conclusions with its clients' own records. A network is one client here, so its
 * stragglers are the same on both sides, in the same order. Stragglers that only one side has,
 * around the moment of the flip, are left out.
 */
export function confusionOf(options: {
  records: readonly RequestRecord[];
  report: EpochReport;
  from: string;
  flippedWallMs: number;
  ttlSeconds: number;
  timeScale: number;
  resolvers: readonly SurveyedResolver[];
  beacons: readonly { readonly network: string; readonly resolver: string }[];
  /** Number of the first client's network. */
  firstNetwork?: number;
}): { matrix: Confusion; compared: number; unmatched: number } {
  const { report, flippedWallMs, timeScale, resolvers, firstNetwork = 0 } = options;
  const beacons = options.beacons.map((one) => ({ ...one, fromWallMs: 0, toWallMs: 0, count: 1 }));
  const causeOf = causeReader({ resolvers, beacons }, options.ttlSeconds);
  const first = Math.ceil(flippedWallMs / report.bucketMs);
  const concluded: (Straggler & { readonly cause: Cause })[] = report.cells
    .filter(([bucket]) => bucket >= first)
    .flatMap(([bucket, index, pinned, fresh]) => {
      const network = report.networks[index] ?? 'unknown';
      const atMs = bucket * report.bucketMs;
      const sinceMs = (atMs + report.bucketMs - flippedWallMs) * timeScale;
      const of = (cause: Cause, count: number) =>
        Array.from({ length: count }, () => ({ network, atMs, cause }));
      return [...of('pinned-connection', pinned), ...of(causeOf(network, sinceMs), fresh)];
    });
  const known: (Straggler & { readonly cause: TrueCause })[] = options.records
    .filter(
      ({ entry, sentMs, status }) =>
        entry === options.from && status !== 0 && sentMs >= first * report.bucketMs,
    )
    .map((record) => ({
      network: networkOfClient(record.client, firstNetwork),
      atMs: record.sentMs,
      cause: record.reused
        ? 'pinned-connection'
        : record.cached
          ? 'runtime-cache'
          : 'resolver-tail',
    }));
  const matrix = emptyMatrix();
  let compared = 0;
  const byNetwork = Map.groupBy(concluded, ({ network }) => network);
  for (const [network, truth] of Map.groupBy(known, (one) => one.network)) {
    const said = (byNetwork.get(network) ?? []).sort((a, b) => a.atMs - b.atMs);
    truth.sort((a, b) => a.atMs - b.atMs);
    // From the end: the first ones may be on either side of the flip.
    for (let n = 1; n <= Math.min(said.length, truth.length); n++) {
      const [conclusion, fact] = [said.at(-n), truth.at(-n)];
      if (conclusion === undefined || fact === undefined) continue;
      matrix[fact.cause][conclusion.cause] += 1;
      compared += 1;
    }
  }
  return { matrix, compared, unmatched: known.length + concluded.length - 2 * compared };
}

/** Returns which resolver each client uses, as the canary zone and the doors would report it. */
export function beaconsOf(records: readonly RequestRecord[]) {
  const resolvers = new Map(records.map(({ client, resolver }) => [client, resolver]));
  return [...resolvers].map(([client, resolver]) => ({
    network: networkOfClient(client, 0),
    resolver,
  }));
}

/** Returns the share of stragglers whose cause the door named correctly. */
export function rightShare(matrix: Confusion): number | null {
  const rows = Object.entries(matrix);
  const all = rows.flatMap(([, row]) => Object.values(row)).reduce((sum, n) => sum + n, 0);
  const right = rows.reduce((sum, [cause, row]) => sum + row[cause as Cause], 0);
  return all === 0 ? null : right / all;
}

/** Clients are named `client-1` and so on (traffic.ts). */
function networkOfClient(name: string, firstNetwork: number): string {
  const address = addressOf(firstNetwork + Number(name.replace('client-', '')) - 1);
  return `${address.split('.').slice(0, 3).join('.')}.0/24`;
}

export function emptyMatrix(): Record<TrueCause, Record<Cause, number>> {
  const row = () => Object.fromEntries(causes.map((cause) => [cause, 0])) as Record<Cause, number>;
  return { 'resolver-tail': row(), 'pinned-connection': row(), 'runtime-cache': row() };
}
