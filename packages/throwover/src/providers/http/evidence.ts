import {
  type EvidenceKind,
  type EvidenceLog,
  type EvidenceSample,
  evidenceCallsOf,
  maxSamplesACall,
  type SampleQuery,
} from '../../records/records.ts';
import { callServe, type ServeAt } from './serve-call.ts';

/** The evidence that `throwover serve` keeps for a service. */
export function httpEvidence(serve: ServeAt): EvidenceLog {
  const params = { service: serve.service };
  return {
    add: async (kind, samples) => {
      const { add } = evidenceCallsOf(kind);
      for (let at = 0; at < samples.length; at += maxSamplesACall) {
        const body = samples.slice(at, at + maxSamplesACall);
        await callServe(serve, add, { params, body });
      }
    },
    list: async <Kind extends EvidenceKind>(
      kind: Kind,
      { sinceWallMs = 0, untilWallMs, limit = maxSamplesACall, skip = 0 }: SampleQuery = {},
    ) => {
      const query = {
        since: sinceWallMs,
        until: untilWallMs,
        ...{ limit: Math.min(limit, maxSamplesACall), skip },
      };
      const { list } = evidenceCallsOf(kind);
      return callServe(serve, list, { params, query }) as Promise<EvidenceSample<Kind>[]>;
    },
  };
}
