import { resolutionTimesMs } from '../../compose/compose.ts';
import { newConnectionsPerSecond, resolverFacts } from '../../evidence/evidence.ts';
import { orNull, quantiles } from '../../kernel/kernel.ts';
import { ttlSecondsOf } from '../../service/service.ts';
import { adviseTtl, type Measured, type TtlAdvice } from '../../traffic/traffic.ts';
import { answer } from '../command.ts';
import { columns } from '../text/columns.ts';

/** TTLs that are compared with today's, s. */
const comparedSeconds = [5, 20, 60, 300];

/**
 * Compares the benefit and cost of today's TTL with others, using the measured behaviour of
 * resolvers. Changes nothing. A figure that was not measured is `unknown`, with the way to measure
 * it.
 */
export const dnsTtl = answer({
  name: 'dns ttl',
  says: 'Compare the TTL of today with others, from measurements. Changes nothing',
  look: async ({ parts, loaded, clock }) => {
    const ttlSeconds = ttlSecondsOf(loaded.service);
    const [facts, lookupsPerSecond, resolution] = await Promise.all([
      resolverFacts(parts.evidence, clock),
      newConnectionsPerSecond(parts.evidence),
      orNull(() => resolutionTimesMs(loaded.service, clock)),
    ]);
    const times = resolution === null ? null : quantiles(resolution);
    const given = {
      resolvers: facts.resolvers,
      lookupsPerSecond,
      resolutionMs: times?.p50 ?? null,
    };
    const ttls = [...new Set([...comparedSeconds, ttlSeconds])].sort((a, b) => a - b);
    const advice = ttls.map((ttl) => adviseTtl(given, ttl));
    const { name } = loaded.service.traffic;
    return { name, seen: { ttlSeconds, advice, ...facts, lookupsPerSecond, resolution: times } };
  },
  text: ({ name, seen }) => {
    const { ttlSeconds, advice, resolvers, weights, unsurveyed, surveyAgeMs } = seen;
    const { lookupsPerSecond, resolution: times } = seen;
    return [
      `TTL of ${name}: ${ttlSeconds} s`,
      '',
      table(advice, ttlSeconds),
      '',
      `resolvers   ${resolvers.length - unsurveyed} surveyed${surveyAgeMs === null ? ': `throwover dns survey` measures them' : `, newest ${(surveyAgeMs / 3_600_000).toFixed(0)} h ago`}; ${unsurveyed} with clients and without a survey; weights ${weights}`,
      `lookups     ${lookupsPerSecond === null ? 'unknown: no front door has been sampled' : `${rate(lookupsPerSecond)}/s at most: new connections at the front doors`}`,
      `resolution  ${times === null ? 'unknown: `traffic.nameservers` names no server that answers' : `p50 ${times.p50.toFixed(1)} ms, p99 ${times.p99.toFixed(1)} ms from here (${times.count} questions)`}`,
      '',
      'moved in    time after a flip until that share of clients has the new answer from its resolver',
      'queries     at the authoritative servers: sum over resolvers of r / (1 + r L), r lookups/s, L s kept',
      'added       misses x p50 of resolution, a lookup on average',
      'Pinned connections and runtime caches come on top: no TTL reaches them.',
    ].join('\n');
  },
  json: ({ seen }) => seen,
});

function table(advice: readonly TtlAdvice[], today: number): string {
  const rows = [
    ['TTL', 'moved in: 50 %', '90 %', '99 %', 'queries/s', 'misses', 'added ms'],
    ...advice.map(({ ttlSeconds, holdover, queriesPerSecond, missShare, addedMs }) => [
      `${ttlSeconds} s${ttlSeconds === today ? ' (now)' : ''}`,
      time(holdover.p50),
      time(holdover.p90),
      time(holdover.p99),
      queriesPerSecond === null ? 'unknown' : rate(queriesPerSecond),
      missShare === null ? 'unknown' : `${(missShare * 100).toPrecision(2)} %`,
      addedMs === null ? 'unknown' : addedMs.toPrecision(2),
    ]),
  ];
  return columns(rows);
}

function time({ ms, atLeast, count }: Measured): string {
  if (ms === null) return 'unknown';
  return `${atLeast ? '>= ' : ''}${(ms / 1_000).toFixed(0)} s (n=${count})`;
}

function rate(perSecond: number): string {
  return perSecond >= 10 ? perSecond.toFixed(0) : perSecond.toPrecision(2);
}
