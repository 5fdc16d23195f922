/**
 * Port: a webhook gateway, as the control plane sees it. The gateway itself is data path: it journals
 * before it answers 2xx, and runs without the control plane.
 * Errors: `gateway-unreachable`, `gateway-refused` (an older epoch or token than it has seen).
 */
export interface GatewayControl {
  readonly region: string;
  status(): Promise<GatewayStatus>;
  set(mode: GatewayMode, token: number): Promise<GatewayStatus>;
  /**
   * Puts delivered events back into the queue, marked as redelivered: those whose effect may be missing
   * in the database that survived. Once per `key`: the same call again answers what the first one did.
   */
  redeliver(window: LossWindow, token: number): Promise<{ readonly events: number }>;
}

/**
 * Deliveries whose effect a lossy promotion may have lost: made in `epoch` or before, and either at
 * `fromWallMs` (the gateway's clock) or later, or answered with a position beyond `beyond`. There is no
 * upper end: a gateway that was cut off went on delivering to the lost side.
 */
export interface LossWindow {
  /** The run; makes it once. */
  readonly key: string;
  readonly epoch: number;
  /** `null`: by position alone. */
  readonly fromWallMs: number | null;
  /** Where the new timeline left the old one; `null`: by time alone. */
  readonly beyond: string | null;
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
  /** Accepted, and not delivered: they are in this gateway's journal and nowhere else. */
  readonly backlog: number;
  /** Of those: the application answered, and not with 2xx; they wait for their next attempt. */
  readonly refusedWaiting: number;
  /** Of those: delivered before, and put back by `redeliver`. */
  readonly redelivering: number;
  readonly inFlight: number;
  /** Totals in the journal. */
  readonly accepted: number;
  readonly delivered: number;
  readonly deadLetters: number;
  /** Age of the oldest event that is not delivered, ms; null when there is none. */
  readonly oldestMs: number | null;
}
