import type { WebhookRecord } from 'throwover';
import { urlOf } from 'throwover/kernel';
import { askJson, until } from './json.ts';
import type { Lab } from './lab.ts';

/** Starts the webhook sender: it sends to the gateways, or, without them, to the service's name. */
export async function startSender({ map, options }: Lab, to: 'gateways' | 'dns'): Promise<void> {
  const { host, port } = map.resolver(0);
  const gateways = Object.values(map.regions).map((region) => urlOf(region.public.gateway));
  const target =
    to === 'gateways'
      ? { kind: to, urls: gateways.map((url) => `${url}/in/stripe`) }
      : {
          ...{ kind: to, name: map.hostname, port: map.portBase },
          ...{ path: '/webhooks/stripe', resolver: `${host}:${port}` },
        };
  await askJson(map.sender, '/__lab/start', {
    method: 'POST',
    body: { ratePerSecond: options.webhooksPerSecond, seed: options.seed, target },
  });
}

/** Ends new events; those under way are still tried again. */
export async function stopSender({ map }: Lab): Promise<void> {
  await askJson(map.sender, '/__lab/stop', { method: 'POST', body: {} });
}

/**
 * Waits for the last retries, ends the sender, and returns all events. One that is still retried
 * after `timeoutMs` stays `retrying`: the sender has not given it up.
 */
export async function endSender({ map }: Lab, timeoutMs: number): Promise<WebhookRecord[]> {
  const records = () => askJson<WebhookRecord[]>(map.sender, '/__lab/records');
  const over = async () => (await records()).every(({ state }) => state !== 'retrying');
  await until('the last webhooks are accepted', over, { timeoutMs, pollMs: 200 }).catch(() => {});
  const webhooks = await records();
  await askJson(map.sender, '/__lab/end', { method: 'POST', body: {} });
  return webhooks;
}
