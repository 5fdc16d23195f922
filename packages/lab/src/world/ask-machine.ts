import { readFileSync } from 'node:fs';
import type { Endpoint } from 'throwover/kernel';
import { Agent, request } from 'undici';
import { identityIn } from './identity.ts';
import { answerTimeoutMs } from './json.ts';
import type { LabMap } from './map.ts';

/** One for each lab of this process; an idle connection keeps no process alive. */
const agents = new Map<string, Agent>();

function agentOf(pki: string): Agent {
  const known = agents.get(pki);
  if (known !== undefined) return known;
  const { certificate, key } = identityIn(pki, 'controller');
  const [cert, secret] = [readFileSync(certificate), readFileSync(key)];
  // The machines are the lab's own, on loopback: who answers is not checked here.
  const agent = new Agent({ connect: { cert, key: secret, rejectUnauthorized: false } });
  agents.set(pki, agent);
  return agent;
}

/** Asks one of throwover's machines in the lab, as a controller; any answer but 2xx is a bug. */
export async function askMachine<T>(...asked: Parameters<typeof askMachineText>): Promise<T> {
  return JSON.parse(await askMachineText(...asked)) as T;
}

/** The same, of a call that answers lines. */
export async function askMachineText(
  { pki }: Pick<LabMap, 'pki'>,
  { host, port }: Endpoint,
  path: string,
  options: { method?: 'GET' | 'POST'; body?: unknown; timeoutMs?: number } = {},
): Promise<string> {
  const { method = 'GET', body, timeoutMs = answerTimeoutMs } = options;
  const answer = await request(`https://${host}:${port}${path}`, {
    ...{ method, dispatcher: agentOf(pki), signal: AbortSignal.timeout(timeoutMs) },
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) {
    throw new Error(`${path} at ${host}:${port}: ${answer.statusCode} ${text}`);
  }
  return text;
}
