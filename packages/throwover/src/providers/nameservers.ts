import { Resolver } from 'node:dns/promises';
import { type DnsRecord, trafficErrors } from '../traffic/traffic.ts';

/** Longest wait for one answer of a name server, ms, and the number of tries. */
const queryTimeoutMs = 1_000;
const queryTries = 2;

/**
 * Returns the answers of the authoritative servers, asked one by one over DNS.
 *
 * If servers disagree, the result is the union; if one has no record, the result is empty. Neither
 * equals the written values, so a change that only some servers have does not count as done.
 */
export async function askNameservers(
  nameservers: readonly string[],
  record: Pick<DnsRecord, 'name' | 'type'>,
): Promise<readonly string[]> {
  const answers = await Promise.all(nameservers.map((server) => ask(server, record)));
  if (answers.some((values) => values.length === 0)) return [];
  return [...new Set(answers.flat())].sort();
}

async function ask(
  server: string,
  { name, type }: Pick<DnsRecord, 'name' | 'type'>,
): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: queryTimeoutMs, tries: queryTries });
  resolver.setServers([server]);
  try {
    switch (type) {
      case 'A':
        return await resolver.resolve4(name);
      case 'AAAA':
        return await resolver.resolve6(name);
      case 'CNAME':
        return await resolver.resolveCname(name);
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENODATA' || code === 'ENOTFOUND') return [];
    const message = `${server} does not answer for ${name}: ${String(code ?? error)}`;
    throw trafficErrors.make('dns-unreachable', message, { server, name, type }, error);
  }
}
