import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The lab's server, started as a process, because this package does not import the lab. */
const script = fileURLToPath(new URL('../../../../lab/src/dns/dns-server.ts', import.meta.url));

export const zoneId = 'Z0TEST';
export const name = 'checkout.example.test';

/** The SDK and the command line need credentials; the lab does not check them. */
export const credentials = {
  AWS_ACCESS_KEY_ID: 'lab',
  AWS_SECRET_ACCESS_KEY: 'lab',
  AWS_REGION: 'us-east-1',
  AWS_DEFAULT_REGION: 'us-east-1',
};

export interface LabDns {
  readonly endpoint: string;
  readonly nameserver: string;
  stop(): Promise<void>;
}

/**
 * Starts the lab's DNS on free ports, with one zone: `checkout` A 127.0.1.1 and TTL 60, without a
 * generation.
 */
export async function startLabDns(): Promise<LabDns> {
  const config = {
    host: '127.0.0.1',
    dnsPort: 0,
    apiPort: 0,
    timeScale: 60,
    zones: [
      {
        id: zoneId,
        name: 'example.test',
        records: [
          { name, type: 'A', ttl: 60, values: ['127.0.1.1'] },
          { name: 'alias.example.test', type: 'CNAME', ttl: 60, values: [`${name}.`] },
        ],
      },
    ],
  };
  const child = spawn(
    process.execPath,
    ['--conditions=throwover-source', script, JSON.stringify(config)],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const ended = once(child, 'close');
  const line = once(createInterface({ input: child.stdout }), 'line');
  const [text] = await Promise.race([
    line,
    ended.then(() => Promise.reject(new Error('the DNS server did not start'))),
  ]);
  const { dns, route53 } = JSON.parse(text);
  return {
    endpoint: route53,
    nameserver: dns,
    stop: async () => {
      child.kill();
      await ended;
    },
  };
}
