import { z } from 'zod';
import {
  type EvidenceKind,
  type EvidenceLog,
  type EvidenceSample,
  evidenceSamples,
  maxSamplesACall,
  type SampleQuery,
} from '../../records/records.ts';
import { storeErrors } from '../../store/store.ts';
import { callServe } from './serve-call.ts';

/** The evidence that `throwover serve` at `url` keeps for a service. */
export function httpEvidence(options: { url: string; service: string }): EvidenceLog {
  const pathOf = (kind: EvidenceKind) =>
    `/v1/evidence/${encodeURIComponent(options.service)}/${kind}`;
  return {
    add: async (kind, samples) => {
      for (let at = 0; at < samples.length; at += maxSamplesACall) {
        const body = JSON.stringify(samples.slice(at, at + maxSamplesACall));
        await callServe(options.url, pathOf(kind), body);
      }
    },
    list: async <K extends EvidenceKind>(
      kind: K,
      { sinceWallMs = 0, untilWallMs, limit = maxSamplesACall, skip = 0 }: SampleQuery = {},
    ) => {
      const until = untilWallMs === undefined ? '' : `&until=${untilWallMs}`;
      const query = `?since=${sinceWallMs}${until}&limit=${Math.min(limit, maxSamplesACall)}&skip=${skip}`;
      const answer = await callServe(options.url, `${pathOf(kind)}${query}`);
      const samples = z.array(evidenceSamples[kind]).safeParse(answer);
      if (samples.success) return samples.data as EvidenceSample<K>[];
      throw storeErrors.make('bad-request', `evidence of kind ${kind} is of another version`);
    },
  };
}
