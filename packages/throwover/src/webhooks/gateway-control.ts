import type { GatewayMode, GatewayStatus, LossWindow } from './wire.ts';

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
