import type { ResourceRecordSet } from '@aws-sdk/client-route-53';
import {
  type DnsRecord,
  formatGeneration,
  type Generation,
  generationName,
  generationTtlSeconds,
  parseGeneration,
  sameValues,
  trafficErrors,
} from '../../traffic/traffic.ts';

/**
 * Converts record sets of Route 53 to one record, and back. Pure.
 *
 * simple: one set; a flip changes its values. weighted: a set for each region, identified by its
 * addresses; a flip gives all the weight to one of them. failover: a PRIMARY and a SECONDARY set; a
 * flip exchanges the roles. Health checks stay as they are.
 */
export const routings = ['simple', 'weighted', 'failover'] as const;
export type Routing = (typeof routings)[number];

export type PlainRecord = Omit<DnsRecord, 'generation'>;

interface Asked {
  readonly name: string;
  readonly type: DnsRecord['type'];
  readonly routing: Routing;
}

/**
 * Returns the record that Route 53 answers with from these sets while every health check is
 * healthy. Refuses sets of another kind.
 */
export function recordOf(
  sets: readonly ResourceRecordSet[],
  { name, type, routing }: Asked,
): PlainRecord {
  for (const set of sets) {
    if (kindOf(set) === routing && set.TTL !== undefined && valuesOf(set).length > 0) continue;
    const message = `${name} ${type} is ${kindOf(set)}, not ${routing}`;
    throw trafficErrors.make('dns-record-foreign', message, { set });
  }
  const live = liveSets(sets, routing);
  const [first] = live;
  if (first?.TTL === undefined || (routing === 'failover' && sets.length !== 2)) {
    const message = `${name} ${type} has ${sets.length} sets, none of which is live`;
    throw trafficErrors.make('dns-record-foreign', message, { sets });
  }
  return { name, type, ttlSeconds: first.TTL, values: [...new Set(live.flatMap(valuesOf))] };
}

/** Returns the sets that `next` needs; everything else about them stays. */
export function setsFor(
  sets: readonly ResourceRecordSet[],
  next: DnsRecord,
  routing: Routing,
): readonly ResourceRecordSet[] {
  const { values, ttlSeconds: TTL, generation } = next;
  if (routing === 'simple') {
    return sets.map((set) => ({
      ...set,
      TTL,
      ResourceRecords: values.map((Value) => ({ Value })),
    }));
  }
  const target =
    sets.find((set) => sameValues(valuesOf(set), values)) ??
    sets.find((set) => set.SetIdentifier === generation.region);
  if (target === undefined) {
    const message = `no ${routing} set of ${next.name} has the addresses of ${generation.region}, or its name as identifier`;
    throw trafficErrors.make('dns-record-foreign', message, { sets, values });
  }
  const full = Math.max(1, ...sets.map(({ Weight }) => Weight ?? 0));
  return sets.map((set) => {
    const isTarget = set === target;
    return {
      ...set,
      TTL,
      ...(isTarget && { ResourceRecords: values.map((Value) => ({ Value })) }),
      ...(routing === 'weighted'
        ? { Weight: isTarget ? full : 0 }
        : { Failover: isTarget ? 'PRIMARY' : 'SECONDARY' }),
    };
  });
}

export function generationSet(name: string, generation: Generation): ResourceRecordSet {
  return {
    Name: generationName(name),
    Type: 'TXT',
    TTL: generationTtlSeconds,
    ResourceRecords: [{ Value: formatGeneration(generation) }],
  };
}

export function generationOf(set: ResourceRecordSet | undefined): Generation | null {
  const [value, ...more] = set?.ResourceRecords ?? [];
  if (set?.TTL !== generationTtlSeconds || more.length > 0) return null;
  return parseGeneration(value?.Value ?? '');
}

export function isSet(set: ResourceRecordSet, name: string, type: string): boolean {
  return set.Type === type && set.Name?.replace(/\.$/, '').toLowerCase() === name;
}

function valuesOf(set: ResourceRecordSet): string[] {
  return (set.ResourceRecords ?? []).map(({ Value }) => Value ?? '');
}

/**
 * Returns the kind of a set. A set that cannot be swapped as a whole is refused with the name of
 * its kind: alias, latency, geolocation and so on.
 */
function kindOf(set: ResourceRecordSet): Routing | 'alias' | 'of another routing policy' {
  if (set.AliasTarget !== undefined) return 'alias';
  if (set.SetIdentifier === undefined) return 'simple';
  if (set.Weight !== undefined) return 'weighted';
  return set.Failover === undefined ? 'of another routing policy' : 'failover';
}

/**
 * Returns the sets that are in use. If all weights are zero, Route 53 gives each set an equal
 * share.
 */
function liveSets(sets: readonly ResourceRecordSet[], routing: Routing) {
  if (routing === 'failover') return sets.filter(({ Failover }) => Failover === 'PRIMARY');
  const weighty = sets.filter(({ Weight }) => (Weight ?? 0) > 0);
  return routing === 'simple' || weighty.length === 0 ? sets : weighty;
}
