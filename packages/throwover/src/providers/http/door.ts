import { type Dispatcher, getGlobalDispatcher, request } from 'undici';
import type { z } from 'zod';
import { errorSchema, isThrowoverError, ThrowoverError } from '../../kernel/kernel.ts';
import {
  beaconsSchema,
  connectionsSchema,
  type Door,
  type DoorCounts,
  type DoorMode,
  doorStatusSchema,
  latencySchema,
  stragglersSchema,
  trafficErrors,
} from '../../traffic/traffic.ts';

/**
 * Longest time for an answer of a door, ms: it is part of the write gap, and a door answers in a
 * few.
 */
const deadlineMs = 2_000;

/** Longest time for a door's counts, ms: no step waits for them. */
const countsDeadlineMs = 10_000;

/**
 * Longest answer that is read, bytes: a status has a few hundred; a door keeps at most 20,000 cells
 * and 10,000 beacons.
 */
const maxAnswerBytes = 4 * 1024 * 1024;

/**
 * The door whose admin interface (`createDoorAdmin`) is at `url`. `dispatcher` keeps connections
 * alive; closing it ends open requests.
 */
export function httpDoor(options: {
  region: string;
  url: string;
  dispatcher?: Dispatcher;
}): Door & DoorCounts {
  const { region, dispatcher = getGlobalDispatcher() } = options;
  const url = `${options.url.replace(/\/$/, '')}/v1/door`;
  const status = async (method: 'GET' | 'PUT', body: string | null) =>
    ask({ region, url, dispatcher, method, body, deadlineMs }, doorStatusSchema);
  const counts = <T>(path: string, schema: z.ZodType<T>) =>
    ask(
      {
        ...{ region, url: `${url}/${path}`, dispatcher },
        ...{ method: 'GET', body: null, deadlineMs: countsDeadlineMs },
      },
      schema,
    );
  return {
    region,
    status: async () => {
      const now = await status('GET', null);
      if (now.region === region) return now;
      const message = `${url} is the door of ${now.region}, not of ${region}`;
      throw trafficErrors.make('door-wrong-region', message, { url, region: now.region });
    },
    set: (mode: DoorMode, token: number) => status('PUT', JSON.stringify({ region, mode, token })),
    stragglers: (sinceEpoch) => counts(`stragglers?sinceEpoch=${sinceEpoch}`, stragglersSchema),
    connections: (olderThanMs) =>
      counts(`connections?olderThanMs=${olderThanMs}`, connectionsSchema),
    latency: ({ sinceWallMs, untilWallMs, widthMs }) =>
      counts(
        `latency?sinceWallMs=${sinceWallMs}&untilWallMs=${untilWallMs}&widthMs=${widthMs}`,
        latencySchema,
      ),
    beacons: (sinceWallMs) => counts(`beacons?sinceWallMs=${sinceWallMs}`, beaconsSchema),
  };
}

interface Question {
  readonly region: string;
  readonly url: string;
  readonly dispatcher: Dispatcher;
  readonly method: 'GET' | 'PUT';
  readonly body: string | null;
  readonly deadlineMs: number;
}

async function ask<T>(
  { region, url, dispatcher, method, body, deadlineMs }: Question,
  schema: z.ZodType<T>,
): Promise<T> {
  try {
    const answer = await request(url, {
      dispatcher,
      method,
      body,
      headers: body === null ? {} : { 'content-type': 'application/json' },
      signal: AbortSignal.timeout(deadlineMs),
    });
    const json = await readJson(answer.body);
    if (answer.statusCode === 200) return schema.parse(json);
    throw ThrowoverError.fromJSON(errorSchema.parse(json));
  } catch (error) {
    if (isThrowoverError(error)) throw error;
    const cause = error instanceof Error ? error : new Error(String(error));
    const message = `${region}'s door at ${url}: ${cause.message || cause.name}`;
    throw trafficErrors.make('door-unreachable', message, { region, url }, cause);
  }
}

async function readJson(body: AsyncIterable<Uint8Array>): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxAnswerBytes)
      throw new RangeError(`an answer of more than ${maxAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}
