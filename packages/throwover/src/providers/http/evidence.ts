import { z } from 'zod';
import {
  type EvidenceKind,
  type EvidenceLog,
  type EvidenceSample,
  evidenceSamples,
  maxSamplesACall,
  type SampleQuery,
} from '../../records/records.ts';
import { callServe, type ServeAt } from './serve-call.ts';

/** The evidence that `throwover serve` keeps for a service. */
export function httpEvidence(serve: ServeAt): EvidenceLog {
  const pathOf = (kind: EvidenceKind) =>
    `/v1/evidence/${encodeURIComponent(serve.service)}/${kind}`;
  return {
    add: async (kind, samples) => {
      for (let at = 0; at < samples.length; at += maxSamplesACall) {
        const page = samples.slice(at, at + maxSamplesACall);
        await callServe(serve, pathOf(kind), z.unknown(), page);
      }
    },
    list: async <K extends EvidenceKind>(
      kind: K,
      { sinceWallMs = 0, untilWallMs, limit = maxSamplesACall, skip = 0 }: SampleQuery = {},
    ) => {
      const until = untilWallMs === undefined ? '' : `&until=${untilWallMs}`;
      const query = `?since=${sinceWallMs}${until}&limit=${Math.min(limit, maxSamplesACall)}&skip=${skip}`;
      const samples = await callServe(
        serve,
        `${pathOf(kind)}${query}`,
        z.array(evidenceSamples[kind]),
      );
      return samples as EvidenceSample<K>[];
    },
  };
}
