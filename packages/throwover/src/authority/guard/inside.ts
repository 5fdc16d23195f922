import type { Clock } from '../../kernel/kernel.ts';
import type { Timing } from '../timing.ts';
import type { Door } from './door.ts';
import type { Looks } from './looks.ts';
import type { Memory, Turns } from './memory.ts';
import type { AskedPeer, GuardEvent, GuardedDatabase, Keep, Peer, Witness } from './ports.ts';

export interface GuardPolicy {
  readonly writerFence: 'available' | 'strict';
  readonly durability: 'asynchronous' | 'synchronous';
  readonly timing: Timing;
}

export interface GuardOptions {
  readonly service: string;
  readonly region: string;
  readonly clock: Clock;
  readonly database: GuardedDatabase;
  readonly keep: Keep;
  /**
   * `null`: no peer is configured; then the guard obeys no run, and only the store can confirm a
   * database after its start.
   */
  readonly peer: Peer | null;
  readonly witness: Witness | null;
  readonly policy: GuardPolicy;
  readonly onEvent: (event: GuardEvent) => void;
}

/** The state and ports that the parts of one guard share. */
export interface Inside extends Omit<GuardOptions, 'peer'> {
  readonly peer: AskedPeer | null;
  /** The peer's guard has confirmed this guard as its peer (pairing.ts). */
  readonly paired: () => boolean;
  readonly memory: Memory;
  readonly door: Door;
  /** Effects on the database, one at a time, in the order of their commands. */
  readonly effects: Turns;
  readonly looks: Looks;
}
