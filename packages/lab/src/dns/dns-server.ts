/**
 * The lab's authoritative DNS server with its Route 53 API; one process, started with its
 * configuration as JSON.
 *
 *   zone.ts         record sets, atomic batches, Route 53's messages
 *   routing.ts      weighted and failover sets: which of them answers
 *   answer.ts       a DNS query to a DNS reply
 *   listen.ts       UDP and TCP
 *   route53-api.ts  the HTTP API; route53-xml.ts its XML
 *   resolvers.ts    the caching resolvers, a separate process
 */
import { type Clock, type Random, systemClock, systemRandom } from 'throwover/kernel';
import { z } from 'zod';
import { runProcess } from '../entry.ts';
import { serveApp } from '../listen.ts';
import { port } from '../schemas.ts';
import { answerFrom, responder } from './answer.ts';
import { listenDns } from './listen.ts';
import { firstSerial, route53Api } from './route53-api.ts';
import { recordTypes, Zone } from './zone.ts';

/** `timeScale` divides TTLs in DNS answers; the API shows life seconds. */
const dnsServerConfig = z.strictObject({
  host: z.string(),
  dnsPort: port,
  apiPort: port,
  timeScale: z.number().min(1),
  zones: z.array(
    z.strictObject({
      id: z.string().regex(/^[A-Z0-9]{1,32}$/),
      name: z.string().min(1),
      records: z.array(
        z.strictObject({
          name: z.string().min(1),
          type: z.enum(recordTypes),
          /** Life seconds. */
          ttl: z.int().min(0),
          values: z.array(z.string()).min(1),
        }),
      ),
    }),
  ),
});
export type DnsServerConfig = z.infer<typeof dnsServerConfig>;

export type DnsServer = Awaited<ReturnType<typeof startDnsServer>>;

/**
 * Starts the authoritative server and its Route 53 API over the same zones, which are kept in
 * memory.
 */
export async function startDnsServer(
  config: DnsServerConfig,
  options: { clock: Clock; random: Random; log: (event: object) => void },
) {
  const { host, timeScale } = config;
  const serial = firstSerial(options.clock);
  const zones = new Map(
    config.zones.map((zone) => [
      zone.id,
      new Zone({ ...zone, callerReference: `lab-${zone.id}`, serial }),
    ]),
  );
  const dns = await listenDns({
    host,
    port: config.dnsPort,
    respond: responder(false, (question) => answerFrom(zones.values(), question, timeScale)),
  });
  const app = route53Api({ zones, ...options });
  const api = await serveApp(app, { host, port: config.apiPort }).catch(async (error) => {
    await dns.close();
    throw error;
  });
  return {
    dnsPort: dns.port,
    apiPort: api.port,
    close: async () => {
      await Promise.all([dns.close(), api.close()]);
    },
  };
}

if (import.meta.main) {
  await runProcess('dns-server', dnsServerConfig, async (config) => {
    const log = (event: object) =>
      process.stderr.write(`${JSON.stringify({ at: systemClock.wallMs(), ...event })}\n`);
    const server = await startDnsServer(config, { clock: systemClock, random: systemRandom, log });
    return {
      addresses: {
        dns: `${config.host}:${server.dnsPort}`,
        route53: `http://${config.host}:${server.apiPort}`,
      },
      close: server.close,
    };
  });
}
