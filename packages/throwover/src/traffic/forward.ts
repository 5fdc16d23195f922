import type { IncomingMessage, ServerResponse } from 'node:http';
import { headers } from '@throwover/client';
import type { Clock, ThrowoverError } from '../kernel/kernel.ts';
import { refuse, sendAway } from './door-answers.ts';
import type { DoorMode } from './door-wire.ts';
import { trafficErrors } from './errors.ts';
import { type Passed, ReverseProxy } from './reverse-proxy.ts';

/**
 * Passes stragglers to the active region's door. Answers close the client's connection, so that a
 * client with a pinned connection looks the name up again.
 */
export type ForwardMode = Extract<DoorMode, { mode: 'forward' }>;

/** The result of a forwarded request. */
export interface Forwarded {
  readonly answered: boolean;
  /** Time that forwarding added until the first byte, ms; `null` if unknown. */
  readonly addedMs: number | null;
}

const dropped: ReadonlySet<string> = new Set([headers.forwarded, 'expect']);

export class Forwarder {
  readonly #region: string;
  readonly #clock: Clock;
  readonly #proxy: ReverseProxy;

  constructor(options: {
    region: string;
    clock: Clock;
    trustedProxies?: readonly string[];
  }) {
    this.#region = options.region;
    this.#clock = options.clock;
    const { clock, trustedProxies: trusted = [] } = options;
    this.#proxy = new ReverseProxy({ clock, trusted });
  }

  /** Resolves when the answer has been sent or refused; never rejects. */
  async forward(req: IncomingMessage, res: ServerResponse, mode: ForwardMode): Promise<Forwarded> {
    const refusal = this.#refusal(req, mode);
    if (refusal !== null) {
      this.#refuse(res, mode, refusal.code === 'door-loop' ? 508 : 503, refusal);
      return { answered: false, addedMs: null };
    }
    const startedMs = this.#clock.monotonicMs();
    let addedMs: number | null = null;
    const passed = await this.#proxy.pass(req, res, {
      to: new URL(mode.url),
      dropped,
      added: [headers.forwarded, `${this.#region}@${mode.epoch}`],
      onHead: (raw) => {
        const there = completeHead(raw, mode);
        if (there !== null) addedMs = this.#clock.monotonicMs() - startedMs - there;
      },
    });
    if (passed.outcome === 'failed') {
      this.#refuse(res, mode, passed.notSent ? 503 : 502, failureError(mode, passed));
      return { answered: false, addedMs: null };
    }
    sendAway(req);
    return { answered: true, addedMs };
  }

  close(): void {
    this.#proxy.close();
  }

  /**
   * Returns the reason why a request must not be forwarded. A request is forwarded a second time
   * only in a higher epoch, and never by the same door. So it cannot go in a circle, and a request
   * on its way during the next switch still arrives.
   */
  #refusal(req: IncomingMessage, mode: ForwardMode): ThrowoverError | null {
    const before = req.headers[headers.forwarded];
    if (before !== undefined) {
      const [region, epoch] = String(before).split('@');
      const progress = region !== this.#region && Number(epoch) < mode.epoch;
      if (!progress) {
        const message = `${this.#region} forwards to ${mode.region}, and this was already forwarded`;
        return trafficErrors.make('door-loop', message, { forwarded: before, mode });
      }
    }
    const upgrade = req.headers.upgrade;
    if (upgrade === undefined || upgrade.toLowerCase().startsWith('h2')) return null;
    return trafficErrors.make('door-upgrade', `${mode.region} is active now: connect there`, {
      upgrade,
    });
  }

  #refuse(res: ServerResponse, mode: ForwardMode, status: 502 | 503 | 508, error: ThrowoverError) {
    refuse(res, { status, error, region: this.#region, epoch: mode.epoch, closeConnection: true });
  }
}

/**
 * Adds the region that answered and closes the connection. Returns the active region's own time for
 * the request, ms.
 */
function completeHead(raw: string[], mode: ForwardMode): number | null {
  let region = false;
  let epoch = false;
  let there: number | null = null;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]?.toLowerCase();
    if (name === headers.region) region = true;
    else if (name === headers.epoch) epoch = true;
    else if (name === headers.duration) there = durationIn(raw[i + 1]);
  }
  if (!region) raw.push(headers.region, mode.region);
  if (!epoch) raw.push(headers.epoch, String(mode.epoch));
  raw.push('Connection', 'close');
  return there;
}

function durationIn(text: string | undefined): number | null {
  const ms = Number(text);
  return text !== undefined && Number.isFinite(ms) && ms >= 0 ? ms : null;
}

function failureError(
  mode: ForwardMode,
  { notSent, cause }: Extract<Passed, { outcome: 'failed' }>,
): ThrowoverError {
  const code = notSent ? 'door-no-upstream' : 'door-upstream-failed';
  const message = `${mode.region} did not answer at ${mode.url}: ${cause.message || cause.name}`;
  return trafficErrors.make(code, message, { region: mode.region }, cause);
}
