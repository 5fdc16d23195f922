import type { Clock } from '../../kernel/kernel.ts';
import type { Timing } from '../timing.ts';
import type { Door } from './door.ts';
import type { Memory, Turns } from './memory.ts';
import type { GuardEvent, GuardedDatabase, Keep, Peer, Witness } from './ports.ts';

export interface GuardPolicy {
  readonly writerFence: 'available' | 'strict';
  readonly durability: 'asynchronous' | 'synchronous';
  readonly timing: Timing;
}

export interface GuardOptions {
  readonly region: string;
  readonly clock: Clock;
  readonly database: GuardedDatabase;
  readonly keep: Keep;
  /** `null`: not configured; then a fence does not open by itself, and only the store vouches for a start. */
  readonly peer: Peer | null;
  readonly witness: Witness | null;
  readonly policy: GuardPolicy;
  readonly onEvent: (event: GuardEvent) => void;
}

/** What the parts of one guard share. */
export interface Inside extends GuardOptions {
  readonly memory: Memory;
  readonly door: Door;
  /** Effects on the database, one at a time, in the order of their commands. */
  readonly effects: Turns;
}
