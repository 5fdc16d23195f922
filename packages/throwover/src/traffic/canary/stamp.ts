import ipaddr from 'ipaddr.js';

/**
 * The time of an answer, inside the answer, so that a client that gets it later from a cache knows
 * its age.
 *
 *   AAAA  100::/64, the discard prefix (RFC 6666): the low 48 bits are ms since the Unix epoch
 *   A     198.18.0.0/15, for benchmarks (RFC 2544): the low 17 bits are seconds modulo 131072 (36 h)
 *   TXT   `g=SECONDS t=MILLISECONDS from=ADDRESS`, the address that asked
 *
 * Neither block is routed. Resolvers do not drop them as a protection against rebinding, as they do
 * with 127.0.0.0/8, 192.0.2.0/24 and 2001:db8::/32 (dnsmasq `stop-dns-rebind`).
 */
const aBase = 0xc6120000;
const aPeriodSeconds = 2 ** 17;

/** An instant that was read from an answer: it lies in [`wallMs`, `wallMs + resolutionMs`). */
export interface Stamp {
  readonly wallMs: number;
  readonly resolutionMs: number;
}

/**
 * The number that grows each second. The passing of a second means here what a flip means in
 * production.
 */
export function generationOf(wallMs: number): number {
  return Math.floor(wallMs / 1_000);
}

export function writeA(target: Buffer, offset: number, wallMs: number): void {
  target.writeUInt32BE(aBase + (generationOf(wallMs) % aPeriodSeconds), offset);
}

export function writeAaaa(target: Buffer, offset: number, wallMs: number): void {
  target.fill(0, offset, offset + 16);
  target[offset] = 1;
  target.writeUIntBE(Math.floor(wallMs), offset + 10, 6);
}

export function txtOf(wallMs: number, from: string): string {
  return `g=${generationOf(wallMs)} t=${Math.floor(wallMs)} from=${from}`;
}

/**
 * Returns the time in an answer; `null` if the address is not from a canary zone. `nowWallMs`
 * decides the period of an A record: the newest one in the past.
 */
export function readStamp(address: string, nowWallMs: number): Stamp | null {
  if (!ipaddr.isValid(address)) return null;
  const bytes = Buffer.from(ipaddr.parse(address).toByteArray());
  if (bytes.length === 16) {
    if (bytes[0] !== 1 || bytes.subarray(1, 10).some((byte) => byte !== 0)) return null;
    return { wallMs: bytes.readUIntBE(10, 6), resolutionMs: 1 };
  }
  const low = bytes.readUInt32BE(0) - aBase;
  if (low < 0 || low >= aPeriodSeconds) return null;
  // If the server's clock is ahead by less than a minute, the answer is not one from 36 h ago.
  const latest = generationOf(nowWallMs) + 60;
  const seconds = latest - ((latest - low) % aPeriodSeconds);
  return { wallMs: seconds * 1_000, resolutionMs: 1_000 };
}

/** Returns the address that asked, from a TXT answer. */
export function readFrom(txt: string): string | null {
  const found = / from=(\S+)$/.exec(txt)?.[1];
  return found !== undefined && ipaddr.isValid(found) ? found : null;
}
