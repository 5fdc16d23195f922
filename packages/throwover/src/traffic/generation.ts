import type { Generation } from './dns.ts';

/** Returns the name of the TXT record that holds the generation of `name`. */
export function generationName(name: string): string {
  return `_throwover.${name}`;
}

/**
 * TTL of that record, s. It never changes, because a DELETE must name it exactly; only people with
 * `dig` cache it.
 */
export const generationTtlSeconds = 60;

/**
 * Returns the TXT value as in a zone file, in quotation marks: `v1 generation=7 epoch=3
 * region=west`.
 */
export function formatGeneration({ number, epoch, region }: Generation): string {
  return `"v1 generation=${number} epoch=${epoch} region=${region}"`;
}

/** Returns the generation; `null` if this version did not write the value. */
export function parseGeneration(value: string): Generation | null {
  const match = /^"v1 generation=(\d{1,15}) epoch=(\d{1,15}) region=([a-z0-9][a-z0-9-]*)"$/.exec(
    value,
  );
  if (!match) return null;
  return { number: Number(match[1]), epoch: Number(match[2]), region: match[3] ?? '' };
}
