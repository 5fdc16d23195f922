import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { freePort } from '../../../../lab/src/fixtures/ports.ts';

/** Version of moto (Python); `null` if its server is not installed. */
export const motoVersion: string | null = (() => {
  const asked = spawnSync('python3', ['-c', 'import moto.server; print(moto.__version__)']);
  return asked.status === 0 ? String(asked.stdout).trim() : null;
})();

/** Starts `moto_server` on a free port of loopback. */
export async function startMoto(): Promise<{ endpoint: string; stop: () => Promise<void> }> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const argv = ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)];
  const child = spawn('python3', argv, { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const stop = async () => {
    child.kill();
    await ended;
  };
  for (let tries = 0; tries < 300 && child.exitCode === null; tries += 1) {
    const answer = await request(`${endpoint}/moto-api/data.json`).catch(() => null);
    await answer?.body.dump();
    if (answer?.statusCode === 200) return { endpoint, stop };
    await sleep(100);
  }
  await stop();
  throw new Error('moto_server did not start');
}

/** Passes calls on to CloudWatch without their percentiles, because moto has none. */
export async function withoutPercentiles(
  endpoint: string,
): Promise<{ readonly url: string; close: () => void }> {
  const server = createServer(async (req, res) => {
    const asked = JSON.parse(await text(req));
    const { MetricDataQueries, ...rest } = asked as {
      MetricDataQueries: readonly { MetricStat: { Stat: string } }[];
    };
    const queries = MetricDataQueries.filter(({ MetricStat }) => !/^p\d/.test(MetricStat.Stat));
    const { host, 'content-length': _length, ...headers } = req.headers;
    const answer = await request(endpoint, {
      method: 'POST',
      headers,
      body: JSON.stringify({ ...rest, MetricDataQueries: queries }),
    });
    res.writeHead(answer.statusCode, { 'content-type': 'application/x-amz-json-1.0' });
    res.end(await answer.body.text());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
}

/** Lambda in moto needs a role that IAM in moto knows. */
export async function createRole(endpoint: string, RoleName: string): Promise<void> {
  const trust = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'lambda.amazonaws.com' },
        Action: 'sts:AssumeRole',
      },
    ],
  };
  const answer = await request(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization:
        'AWS4-HMAC-SHA256 Credential=lab/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=none',
    },
    body: new URLSearchParams({
      Action: 'CreateRole',
      Version: '2010-05-08',
      RoleName,
      AssumeRolePolicyDocument: JSON.stringify(trust),
    }).toString(),
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`moto: ${text}`);
}
