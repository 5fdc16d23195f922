import type { Stamp } from '../canary/canary.ts';

/**
 * One question to a resolver. Times are wall ms of the asking machine; stamps are of the canary's
 * server.
 */
export type Observation =
  | {
      readonly outcome: 'answer';
      readonly sentMs: number;
      readonly receivedMs: number;
      /** Time at which the zone's server gave the answer. */
      readonly stamp: Stamp;
      /** TTL in the resolver's answer, s. */
      readonly ttlSeconds: number;
    }
  | {
      readonly outcome: 'none';
      readonly sentMs: number;
      readonly receivedMs: number;
      /** `servfail`, `timeout`, ...: the error of the resolver or the network. */
      readonly reason: string;
    };

export type Answered = Extract<Observation, { outcome: 'answer' }>;

/** The purpose for which a name is asked. */
export const roles = [
  /** Asked again and again, until its answer is replaced. */
  'followed',
  /**
   * Asked once, left alone past its end, asked again: shows whether the resolver gives expired
   * answers.
   */
  'idle',
  /** The same while the server fails. */
  'failing',
] as const;
export type Role = (typeof roles)[number];

/** All observations of one name at one resolver. */
export interface NameRecord {
  readonly role: Role;
  /** TTL that the zone's server gives with it, s. */
  readonly ttlSeconds: number;
  /** There will be no more questions. */
  readonly ended: boolean;
  /** In the order of the questions. */
  readonly observations: readonly Observation[];
}

export function isAnswer(observation: Observation): observation is Answered {
  return observation.outcome === 'answer';
}
