/**
 * Process: asks one address again and again over one connection, as a guard asks its witness, and
 * keeps the longest wait for an answer. It does nothing else, so a pause that it sees is a pause of
 * the answering process or of the machine; the floor is measured in the same way.
 */
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Time between an answer and the next request, ms. */
const pauseMs = 2;

export interface ProbeCommand {
  readonly url: string;
  /** Sent as JSON. */
  readonly body: unknown;
}

export interface ProbeFigures {
  readonly count: number;
  readonly longestMs: number;
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let asking: { stop: boolean; done: Promise<ProbeFigures> } | null = null;

async function begin({ url, body }: ProbeCommand, state: { stop: boolean }): Promise<ProbeFigures> {
  let count = 0;
  let longestMs = 0;
  const text = JSON.stringify(body);
  while (!state.stop) {
    const begunMs = performance.now();
    await answered(url, text);
    longestMs = Math.max(longestMs, performance.now() - begunMs);
    count += 1;
    await sleep(pauseMs);
  }
  return { count, longestMs };
}

function answered(url: string, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': text.length };
    const asked = request(url, { method: 'POST', agent, headers }, (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`${url} answered ${answer.statusCode}`));
      answer.resume().once('end', resolve);
    });
    asked.once('error', reject);
    asked.end(text);
  });
}

process.on('message', (command: ProbeCommand | { readonly end: true }) => {
  if ('end' in command) {
    if (asking === null) throw new Error('nothing is asked');
    asking.stop = true;
    asking.done.then((figures) => process.send?.(figures));
    return;
  }
  const state = { stop: false };
  asking = Object.assign(state, { done: begin(command, state) });
  process.send?.('asking');
});
process.once('disconnect', () => process.exit());
process.send?.('ready');
