import { Agent } from 'undici';
import { z } from 'zod';
import {
  type Peer,
  peerPromiseSchema,
  peerWordSchema,
  renunciationSchema,
} from '../../../authority/authority.ts';
import { answeredValue, jsonCall } from '../../../kernel/http-call.ts';
import type { Clock } from '../../../kernel/kernel.ts';
import { postgresErrors } from '../errors.ts';

/** Longest answer of a peer, bytes: a word has a few hundred. */
const maxAnswerBytes = 1024 ** 2;

/** The other region's guard, over HTTP. */
export function httpPeer(options: {
  readonly region: string;
  readonly url: string;
  readonly deadlineMs: number;
  readonly clock: Clock;
}): Peer & { close(): Promise<void> } {
  const { region, url, deadlineMs, clock } = options;
  const agent = new Agent();
  const ask = <T>(path: string, input: unknown, output: z.ZodType<T>) =>
    answeredValue(
      jsonCall({
        ...{ url: new URL(`/v1/peer/${path}`, url), method: 'POST', input, output },
        ...{ dispatcher: agent, deadlineMs, maxBytes: maxAnswerBytes, clock },
      }),
      (why, cause) =>
        postgresErrors.make(
          'peer-away',
          `${region}'s guard at ${url} gave no answer to ${path}: ${why}`,
          { region, url },
          cause,
        ),
    );
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
