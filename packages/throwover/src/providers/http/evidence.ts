import { request } from 'undici';
import { z } from 'zod';
import {
  type EvidenceKind,
  type EvidenceLog,
  type EvidenceSample,
  evidenceSamples,
  maxSamplesACall,
} from '../../evidence/samples.ts';
import { storeErrors } from '../../store/errors.ts';

/** Deadline of one call, ms. */
const deadlineMs = 2_000;

/** The evidence that `throwover serve` at `url` keeps for a service. */
export function httpEvidence(options: { url: string; service: string }): EvidenceLog {
  const pathOf = (kind: EvidenceKind) =>
    `/v1/evidence/${encodeURIComponent(options.service)}/${kind}`;
  return {
    add: async (kind, samples) => {
      for (let at = 0; at < samples.length; at += maxSamplesACall) {
        const body = JSON.stringify(samples.slice(at, at + maxSamplesACall));
        await call(options.url, pathOf(kind), body);
      }
    },
    list: async <K extends EvidenceKind>(
      kind: K,
      { sinceWallMs = 0, limit = maxSamplesACall }: { sinceWallMs?: number; limit?: number } = {},
    ) => {
      const query = `?since=${sinceWallMs}&limit=${Math.min(limit, maxSamplesACall)}`;
      const answer = await call(options.url, `${pathOf(kind)}${query}`);
      const samples = z.array(evidenceSamples[kind]).safeParse(answer);
      if (samples.success) return samples.data as EvidenceSample<K>[];
      throw storeErrors.make('bad-request', `evidence of kind ${kind} is of another version`);
    },
  };
}

/** Throws `store-away`, or `bad-request` with what the server says of it. */
async function call(url: string, path: string, posted?: string): Promise<unknown> {
  let statusCode: number;
  let answer: unknown;
  try {
    const response = await request(new URL(path, url), {
      signal: AbortSignal.timeout(deadlineMs),
      ...(posted === undefined
        ? {}
        : { method: 'POST', body: posted, headers: { 'content-type': 'application/json' } }),
    });
    statusCode = response.statusCode;
    answer = await response.body.json();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw storeErrors.make('store-away', `${url}${path}: ${message}`, { url }, error);
  }
  if (statusCode === 200) return answer;
  const said = z.object({ message: z.string() }).safeParse(answer);
  const message = said.success ? said.data.message : `answered ${statusCode}`;
  throw storeErrors.make(
    statusCode === 400 ? 'bad-request' : 'store-away',
    `${url}${path}: ${message}`,
    { url },
  );
}
