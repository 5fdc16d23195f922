import type { RequestRecord } from 'throwover';
import { type Clock, type Endpoint, type Random, seededRandom } from 'throwover/kernel';
import { type ReadSeen, readSeenOf } from '../checkout/read-seen.ts';
import type { ClientsConfig } from './config.ts';
import { deal } from './pace.ts';

/** The possible outcomes of reading an own acknowledged write. */
export const ownOutcomes = ['fresh', 'stale', 'not-yet', 'undecided', 'lost', 'failed'] as const;
export type OwnOutcome = (typeof ownOutcomes)[number];

export interface OwnRead {
  /** Whether the client showed the token of its write. */
  readonly carried: boolean;
  /**
   * Whether it read through the service's name and the door, or at the read service of its own
   * region.
   */
  readonly path: 'door' | 'home';
  /**
   * stale: the write was not there, without an explanation. not-yet, undecided: refused. failed: no
   * answer, or none of checkout.
   */
  readonly outcome: OwnOutcome;
  /** As the answer reports it; `null` when it does not. */
  readonly seen: ReadSeen | null;
  /** Time since the write's acknowledgement, ms. */
  readonly sinceMs: number;
}

/** The record of a request, with tokens where checkout gives them. */
export interface ClientRecord extends RequestRecord {
  /** For a write: the token in its answer. */
  readonly token?: string;
  /** For a read of an own write. */
  readonly own?: OwnRead;
}

export function ownOutcome(status: number, found: boolean, seen: ReadSeen | null): OwnOutcome {
  if (status === 200 && found) return 'fresh';
  if (status === 404) return 'stale';
  if (status === 410 && seen?.outcome === 'lost') return 'lost';
  if (seen?.outcome === 'not-yet') return 'not-yet';
  return seen?.outcome === 'unknown' ? 'undecided' : 'failed';
}

export const readSeenIn = (header: string | string[] | undefined) =>
  readSeenOf(Array.isArray(header) ? header[0] : header);

/** How one client treats its own writes. */
export interface OwnWrites {
  /** Whether it shows the token of its last write when it reads. */
  readonly carries: boolean;
  /** The read service of its own region. */
  readonly home: Endpoint;
}

/**
 * Returns settings by which every home has clients with tokens and clients without, distributed by
 * the seed.
 */
export function dealOwnWrites(config: ClientsConfig): readonly OwnWrites[] | null {
  if (config.readYourWrites === null) return null;
  const { tokenShare, homes } = config.readYourWrites;
  const groups = Object.values(homes).flatMap((home) => [
    { share: tokenShare, own: { carries: true, home } },
    { share: 1 - tokenShare, own: { carries: false, home } },
  ]);
  return deal(groups, config.clients, seededRandom(config.seed)).map(({ own }) => own);
}

/** Waits as long as a browser takes to follow a redirect to the near read service. */
export async function think(
  config: ClientsConfig,
  { clock, random, signal }: { clock: Clock; random: Random; signal: AbortSignal },
): Promise<void> {
  const mostMs = config.readYourWrites?.thinkMs ?? 0;
  await clock.sleep(random.next() * mostMs, signal).catch(() => undefined);
}
