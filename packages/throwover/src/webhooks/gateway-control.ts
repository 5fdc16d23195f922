/**
 * Port: a webhook gateway, as the control plane sees it. The gateway itself is data path: it journals
 * before it answers 2xx, and runs without the control plane.
 * Errors: `gateway-unreachable`, `gateway-refused` (an older epoch or token than it has seen).
 */
export interface GatewayControl {
  readonly region: string;
  status(): Promise<GatewayStatus>;
  set(mode: GatewayMode, token: number): Promise<GatewayStatus>;
}

export type GatewayMode =
  /** Accept and journal, deliver nothing; no delivery is in flight once the answer is given. */
  | { readonly mode: 'hold'; readonly epoch: number }
  /** Deliver to the active region's door at this base URL. */
  | {
      readonly mode: 'deliver';
      readonly epoch: number;
      readonly region: string;
      readonly url: string;
    };

export interface GatewayStatus {
  readonly region: string;
  readonly current: GatewayMode;
  readonly backlog: number;
  readonly inFlight: number;
  /** Totals in the journal. */
  readonly accepted: number;
  readonly delivered: number;
  readonly deadLetters: number;
  /** Age of the oldest event that is not delivered, ms; null when there is none. */
  readonly oldestMs: number | null;
}
