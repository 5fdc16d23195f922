import type { ByHand, HandWork } from '../runbook/by-hand/work.ts';

/**
 * Ports: what a service stands on, as people handle it with the providers' own commands. They give
 * commands and run none.
 */
export interface Hands {
  readonly dns: DnsHands;
  readonly database: (region: string) => DatabaseHands;
  readonly door: (region: string) => DoorHands;
  /** Of all regions: each may hold events. */
  readonly gateways: readonly GatewayHands[];
  /** `null`: the service has no functions. */
  readonly functions: (region: string) => FunctionHands | null;
}

export interface DnsHands {
  /** Works only while the record is the one that was written for this epoch and region; `null`: the provider keeps no such word. */
  wasWrittenFor(epoch: number, region: string): HandWork | null;
  /** The servers answer with this region. */
  point(target: DnsTarget): readonly HandWork[];
}

export interface DnsTarget {
  readonly region: string;
  readonly epoch: number;
  readonly values: readonly string[];
}

export interface DatabaseHands {
  readonly stopGuard: HandWork;
  readonly startGuard: HandWork;
  readonly checkpoint: HandWork;
  /** Works when the standby is at most this far behind. */
  lagAtMost(standby: string, boundMs: number): HandWork;
  /** Nobody can write any more: logins closed, sessions ended, position shown, and then stopped in order. */
  readonly close: readonly HandWork[];
  /** Takes `close` back. */
  readonly reopen: readonly HandWork[];
  /** Works when this standby has everything up to the position that `close` showed on the other side. */
  readonly hasReceived: HandWork;
  /** What this standby has, when nobody can say what there was. */
  readonly received: HandWork;
  /** `lossy`: closed to the application until every sequence was moved on by so much. */
  promote(lossy: { readonly sequenceAdvance: number } | null): readonly HandWork[];
  /** A database that was stopped in order follows the new primary. */
  follow(upstream: string): Extract<ByHand, { work: unknown }>;
}

export interface DoorHands {
  serve(epoch: number): HandWork;
  forward(epoch: number, to: { readonly region: string; readonly url: string }): HandWork;
}

export interface GatewayHands {
  readonly region: string;
  deliver(epoch: number, to: { readonly region: string; readonly url: string }): HandWork;
  /** Deliveries of the last so many seconds once more. */
  redeliver(epoch: number, seconds: number): HandWork;
}

export interface FunctionHands {
  /** As many as are needed; waits until they are ready. */
  readonly warm: readonly HandWork[];
  readonly release: readonly HandWork[];
}
