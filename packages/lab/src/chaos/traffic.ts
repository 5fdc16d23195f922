import { join } from 'node:path';
import type { RequestRecord, WebhookRecord } from 'throwover';
import { askJson, until } from '../world/json.ts';
import type { Lab } from '../world/lab.ts';
import { readLines } from '../world/lines.ts';
import { clientResolvers } from '../world/resolver-list.ts';
import { endSender, startSender, stopSender } from '../world/webhooks.ts';

/** Acknowledged requests before the service is disturbed: enough for a gap to compare with. */
const warmRequests = 40;

/** Longest wait for these requests, and for the sender's last retries, ms. */
const warmTimeoutMs = 30_000;
const senderPatienceMs = 20_000;

/** Clients and webhook sender of one round, from the first request to the last record. */
export class RoundTraffic {
  readonly #lab: Lab;
  readonly #output: string;

  private constructor(lab: Lab, output: string) {
    this.#lab = lab;
    this.#output = output;
  }

  /** Resolves when the service answers. */
  static async start(lab: Lab, name: string): Promise<RoundTraffic> {
    const { map, options } = lab;
    const output = join(options.dir, 'chaos', `${name}.jsonl`);
    await lab.startClients({ output, resolvers: clientResolvers(map, options) });
    await startSender(lab, 'gateways');
    const traffic = new RoundTraffic(lab, output);
    await until('the service answers', async () => (await traffic.answered()) >= warmRequests, {
      timeoutMs: warmTimeoutMs,
    });
    return traffic;
  }

  /** Returns the number of successful requests so far. */
  async answered(): Promise<number> {
    const { counts } = await askJson<{ counts: { ok: number } | null }>(
      this.#lab.map.clients,
      '/__lab/live',
    );
    return counts?.ok ?? 0;
  }

  /** Waits until this many more requests were successful. */
  async more(count = 20, timeoutMs = 60_000): Promise<void> {
    const wanted = (await this.answered()) + count;
    await until(`${count} more answers`, async () => (await this.answered()) >= wanted, {
      timeoutMs,
    });
  }

  /** Ends the traffic and returns all records. */
  async end(): Promise<{ requests: RequestRecord[]; webhooks: readonly WebhookRecord[] }> {
    await this.#lab.stopClients();
    await stopSender(this.#lab);
    // An event that the sender still retries is not an accepted webhook, and is judged as such.
    const webhooks = await endSender(this.#lab, senderPatienceMs);
    return { requests: await readLines<RequestRecord>(this.#output), webhooks };
  }
}
