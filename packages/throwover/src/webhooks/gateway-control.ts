/**
 * Port: a webhook gateway, as the control plane sees it. The gateway itself is in the data path: it
 * journals before it answers 2xx, and runs without the control plane. Errors:
 * `gateway-unreachable`, `gateway-refused` (its epoch or token is older than one that the gateway
 * has seen in any command, or it is a hold that arrives after a delivery of its own run). All calls
 * are safe to repeat.
 */
export interface GatewayControl {
  readonly region: string;
  status(): Promise<GatewayStatus>;
  set(mode: GatewayMode, token: number): Promise<GatewayStatus>;
  /**
   * Puts delivered events whose effect may be missing in the surviving database back into the
   * queue, marked as redelivered. Once per `key`: the same call again returns the first result.
   */
  redeliver(window: LossWindow, token: number): Promise<{ readonly events: number }>;
}

/**
 * Deliveries whose effect a lossy promotion may have lost: made in `epoch` or before, and either at
 * `fromWallMs` (the gateway's clock) or later, or answered with a position beyond `beyond` on its
 * timeline. There is no upper end, because a gateway that was cut off went on delivering to the
 * lost side.
 */
export interface LossWindow {
  /** The run's id, so that the run redelivers a window once. */
  readonly key: string;
  readonly epoch: number;
  /** `null`: select by position only. */
  readonly fromWallMs: number | null;
  /** Position at which the new timeline left the old one; `null`: select by time only. */
  readonly beyond: string | null;
}

export type GatewayMode =
  /** Accept and journal, deliver nothing. When the call is answered, no delivery is in flight. */
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
  /** Number of accepted events that are not delivered: they are only in this gateway's journal. */
  readonly backlog: number;
  /**
   * Number of events in the backlog that the application answered, but not with 2xx; they wait for
   * their next attempt.
   */
  readonly refusedWaiting: number;
  /** Number of events in the backlog that were delivered before and put back by `redeliver`. */
  readonly redelivering: number;
  readonly inFlight: number;
  /** Totals in the journal. */
  readonly accepted: number;
  readonly delivered: number;
  readonly deadLetters: number;
  /** Age of the oldest event that is not delivered, ms; `null` if there is none. */
  readonly oldestMs: number | null;
}
