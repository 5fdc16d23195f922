import type { Generation } from './dns.ts';

/** Name of the TXT record that holds the generation of `name`. */
export function generationName(name: string): string {
  return `_throwover.${name}`;
}

/** TTL of that record, s. Always the same, because a DELETE must name it exactly; nobody caches it but people with `dig`. */
export const generationTtlSeconds = 60;

/** `v1 generation=7 epoch=3 region=west`, as a zone file has a TXT value: in quotation marks. */
export function formatGeneration({ number, epoch, region }: Generation): string {
  return `"v1 generation=${number} epoch=${epoch} region=${region}"`;
}

/** `null` when it is not a generation that this version wrote. */
export function parseGeneration(value: string): Generation | null {
  const match = /^"v1 generation=(\d{1,15}) epoch=(\d{1,15}) region=([a-z0-9][a-z0-9-]*)"$/.exec(
    value,
  );
  if (!match) return null;
  return { number: Number(match[1]), epoch: Number(match[2]), region: match[3] ?? '' };
}
