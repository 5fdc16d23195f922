import { Agent, request } from 'undici';
import { z } from 'zod';
import {
  type Peer,
  peerPromiseSchema,
  peerWordSchema,
  renunciationSchema,
} from '../../../authority/authority.ts';
import { type Clock, ThrowoverError } from '../../../kernel/kernel.ts';
import { postgresErrors } from '../errors.ts';
import { errorBody } from '../wire.ts';

/** The other region's guard, over HTTP. */
export function httpPeer(options: {
  readonly region: string;
  readonly url: string;
  readonly deadlineMs: number;
  readonly clock: Clock;
}): Peer & { close(): Promise<void> } {
  const { region } = options;
  const agent = new Agent();
  const ask = <T>(path: string, body: unknown, output: z.ZodType<T>) =>
    send({ ...options, agent, path, body, output });
  return {
    region,
    word: (input) => ask('word', input, peerWordSchema),
    renounce: (input) => ask('renounce', input, renunciationSchema),
    promise: (input) => ask('promise', input, peerPromiseSchema),
    recordSync: async (input) => {
      await ask('sync', input, z.strictObject({}));
    },
    close: () => agent.destroy(),
  };
}

async function send<T>(call: {
  region: string;
  url: string;
  deadlineMs: number;
  clock: Clock;
  agent: Agent;
  path: string;
  body: unknown;
  output: z.ZodType<T>;
}): Promise<T> {
  const { region, url, deadlineMs, clock, agent, path, output } = call;
  const late = new AbortController();
  const answered = new AbortController();
  clock.sleep(deadlineMs, answered.signal).then(
    () => late.abort(new Error(`no answer within ${deadlineMs} ms`)),
    () => {},
  );
  try {
    const { statusCode, body } = await request(new URL(`/v1/peer/${path}`, url), {
      dispatcher: agent,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(call.body),
      signal: late.signal,
    });
    const answer: unknown = await body.json();
    if (statusCode === 200) return output.parse(answer);
    throw ThrowoverError.fromJSON(errorBody.parse(answer).error);
  } catch (error) {
    if (error instanceof ThrowoverError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw postgresErrors.make(
      'peer-away',
      `${region}'s guard at ${url} gave no answer to ${path}: ${message}`,
      { region, url },
      error,
    );
  } finally {
    answered.abort();
  }
}
