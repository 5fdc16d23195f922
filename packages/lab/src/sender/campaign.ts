import Stripe from 'stripe';
import { type Clock, type Random, seededRandom } from 'throwover/kernel';
import type { SenderConfig, StartCommand, WebhookRecord } from './config.ts';
import { waitAfterMs } from './schedule.ts';
import { paymentSucceeded, type StripeEvent } from './stripe-event.ts';
import { type Route, routeTo } from './target.ts';

/** Most events of one campaign, kept in memory, about 1 KB each. */
const MAX_EVENTS = 200_000;

export interface Sent {
  readonly event: StripeEvent;
  readonly createdMs: number;
  readonly attempts: { readonly atMs: number; readonly status: number }[];
  state: WebhookRecord['state'];
}

type CampaignOptions = Pick<SenderConfig, 'seed' | 'secret' | 'timeScale'> & {
  readonly clock: Clock;
};

/**
 * One steady stream of events to one target, and the list of their outcomes.
 *
 * sending -> stopped (no new events; retries go on) -> ended (nothing goes on; the list stays). No
 * order is kept: each event has its own clock, as at Stripe.
 */
export class Campaign {
  readonly sent: Sent[] = [];
  readonly #options: CampaignOptions;
  readonly #random: Random;
  readonly #stopped = new AbortController();
  readonly #ended = new AbortController();
  readonly #work = new Set<Promise<void>>();

  constructor(command: StartCommand, options: CampaignOptions) {
    this.#options = options;
    this.#random = seededRandom(command.seed ?? options.seed);
    this.#track(this.#produce(command));
  }

  get state(): 'sending' | 'stopped' | 'ended' {
    if (this.#ended.signal.aborted) return 'ended';
    return this.#stopped.signal.aborted ? 'stopped' : 'sending';
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** Ends everything. An event without a 2xx stays `retrying`: a real sender would continue. */
  async end(): Promise<void> {
    this.#stopped.abort();
    this.#ended.abort();
    await Promise.all(this.#work);
  }

  records(): WebhookRecord[] {
    return this.sent.map(({ event, createdMs, attempts, state }) => ({
      type: 'webhook',
      id: event.id,
      createdMs,
      attempts: [...attempts],
      state,
    }));
  }

  /** Event k is due at k / rate after the start, however long earlier ones took. */
  async #produce({ ratePerSecond, target }: StartCommand): Promise<void> {
    const startMs = this.#options.clock.monotonicMs();
    for (let made = 0; made < MAX_EVENTS; made++) {
      const dueMs = startMs + (made * 1_000) / ratePerSecond;
      const waitMs = dueMs - this.#options.clock.monotonicMs();
      if (waitMs > 0) await this.#options.clock.sleep(waitMs, this.#stopped.signal).catch(() => {});
      if (this.#stopped.signal.aborted) return;
      const event = paymentSucceeded(Stripe.API_VERSION, this.#options.clock, this.#random);
      const sent: Sent = {
        event,
        createdMs: this.#options.clock.wallMs(),
        attempts: [],
        state: 'retrying',
      };
      this.sent.push(sent);
      this.#track(this.#deliver(sent, routeTo(target, this.#options.clock, this.#ended.signal)));
    }
  }

  async #deliver(sent: Sent, route: Route): Promise<void> {
    const body = JSON.stringify(sent.event, null, 2);
    while (!this.#ended.signal.aborted) {
      const atMs = this.#options.clock.wallMs();
      const status = await route.attempt({ body, headers: this.#sign(body, atMs) });
      if (this.#ended.signal.aborted && status === 0) return;
      sent.attempts.push({ atMs, status });
      if (status >= 200 && status < 300) {
        sent.state = 'delivered';
        return;
      }
      const waitMs = waitAfterMs(sent.attempts.length, this.#options.timeScale, this.#random);
      if (waitMs === null) {
        sent.state = 'gave-up';
        return;
      }
      await this.#options.clock.sleep(waitMs, this.#ended.signal).catch(() => {});
    }
  }

  /** Signs each attempt separately, with its own time. */
  #sign(payload: string, atMs: number): Record<string, string> {
    return {
      'content-type': 'application/json; charset=utf-8',
      'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
      'stripe-signature': Stripe.webhooks.generateTestHeaderString({
        payload,
        secret: this.#options.secret,
        timestamp: Math.floor(atMs / 1_000),
      }),
    };
  }

  #track(work: Promise<void>): void {
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }
}
