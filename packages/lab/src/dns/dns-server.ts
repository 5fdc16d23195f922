/**
 * The lab's authoritative DNS server with its Route 53 API; one process, started with its
 * configuration (server.ts) as JSON.
 *
 *   zone.ts         record sets, atomic batches, Route 53's messages
 *   routing.ts      weighted and failover sets: which of them answers
 *   answer.ts       a DNS query to a DNS reply
 *   listen.ts       UDP and TCP
 *   route53-api.ts  the HTTP API; route53-xml.ts its XML
 *   resolvers.ts    the caching resolvers, a separate process
 */
import { systemClock, systemRandom } from 'throwover/kernel';
import { runProcess } from '../entry.ts';
import { dnsServerConfig, startDnsServer } from './server.ts';

await runProcess('dns-server', dnsServerConfig, async (config) => {
  const server = await startDnsServer(config, {
    clock: systemClock,
    random: systemRandom,
    log: (event) =>
      process.stderr.write(`${JSON.stringify({ at: systemClock.wallMs(), ...event })}\n`),
  });
  return {
    addresses: {
      dns: `${config.host}:${server.dnsPort}`,
      route53: `http://${config.host}:${server.apiPort}`,
    },
    close: server.close,
  };
});
