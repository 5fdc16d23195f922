import type { ByHand, HandWork } from '../runbook/runbook.ts';

/**
 * Ports: the parts of a service, handled with the providers' own commands. They return commands for
 * people and run none.
 */
export interface Hands {
  readonly dns: DnsHands;
  readonly database: (region: string) => DatabaseHands;
  readonly door: (region: string) => DoorHands;
  /** The gateways of all regions: each may hold events. */
  readonly gateways: readonly GatewayHands[];
  /** `null`: the service has no functions. */
  readonly functions: (region: string) => FunctionHands | null;
}

export interface DnsHands {
  /**
   * Returns a check that succeeds only while the record is the one that was written for this epoch
   * and region; `null` if the provider does not store that with the record.
   */
  wasWrittenFor(epoch: number, region: string): HandWork | null;
  /** Makes the DNS servers answer with this region. */
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
  /** Succeeds if the standby is at most this far behind. */
  lagAtMost(standby: string, boundMs: number): HandWork;
  /**
   * Stops all writes: closes logins, ends sessions, shows the position, and then shuts the database
   * down cleanly.
   */
  readonly close: readonly HandWork[];
  /** Takes `close` back. */
  readonly reopen: readonly HandWork[];
  /**
   * Succeeds if this standby has everything up to the position that `close` showed on the other
   * side.
   */
  readonly hasReceived: HandWork;
  /**
   * Shows the position that this standby has received, for when the last position of the other side
   * is unknown.
   */
  readonly received: HandWork;
  /**
   * `lossy`: the database stays closed to the application until every sequence has been advanced by
   * this amount.
   */
  promote(lossy: { readonly sequenceAdvance: number } | null): readonly HandWork[];
  /** Makes a database that was shut down cleanly follow the new primary. */
  follow(upstream: string): Extract<ByHand, { work: unknown }>;
}

export interface DoorHands {
  serve(epoch: number): HandWork;
  forward(epoch: number, to: { readonly region: string; readonly url: string }): HandWork;
}

export interface GatewayHands {
  readonly region: string;
  deliver(epoch: number, to: { readonly region: string; readonly url: string }): HandWork;
  /** Repeats the deliveries of this many last seconds. */
  redeliver(epoch: number, seconds: number): HandWork;
}

export interface FunctionHands {
  /** Warms the functions that are needed and waits until they are ready. */
  readonly warm: readonly HandWork[];
  readonly release: readonly HandWork[];
}
