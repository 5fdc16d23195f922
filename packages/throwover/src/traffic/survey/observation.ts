import type { Stamp } from '../canary/canary.ts';

/** A resolver was asked for a name once. Times are wall ms of who asks; stamps are of the canary's server. */
export type Observation =
  | {
      readonly outcome: 'answer';
      readonly sentMs: number;
      readonly receivedMs: number;
      /** When the answer was given out by the zone's server. */
      readonly stamp: Stamp;
      /** TTL that the resolver gave with it, s. */
      readonly ttlSeconds: number;
    }
  | {
      readonly outcome: 'none';
      readonly sentMs: number;
      readonly receivedMs: number;
      /** `servfail`, `timeout`, ...: what the resolver or the network said instead. */
      readonly reason: string;
    };

export type Answered = Extract<Observation, { outcome: 'answer' }>;

/** What a name was asked for. */
export const roles = [
  /** Asked again and again, until its answer is replaced. */
  'followed',
  /** Asked once, left alone past its end, asked again: does it give what has ended? */
  'idle',
  /** The same, and the server fails meanwhile. */
  'failing',
] as const;
export type Role = (typeof roles)[number];

/** All that was seen of one name at one resolver. */
export interface NameRecord {
  readonly role: Role;
  /** TTL that the zone's server gives with it, s. */
  readonly ttlSeconds: number;
  /** Nothing more will be asked. */
  readonly ended: boolean;
  /** In the order asked. */
  readonly observations: readonly Observation[];
}

export function isAnswer(observation: Observation): observation is Answered {
  return observation.outcome === 'answer';
}
