import { request } from 'undici';
import { z } from 'zod';
import { isThrowoverError, ThrowoverError } from '../../kernel/kernel.ts';
import type { Door, DoorMode, DoorStatus } from '../../traffic/door.ts';
import { doorStatusSchema } from '../../traffic/door-wire.ts';
import { trafficErrors } from '../../traffic/errors.ts';

/** Longest time for an answer of a door, ms: it stands inside the write gap, and a door answers in a few. */
const deadlineMs = 2_000;

/** Longest answer that is read, bytes: a status is a few hundred, an error a few thousand. */
const maxAnswerBytes = 256 * 1024;

const errorSchema = z.object({
  code: z.string(),
  message: z.string(),
  disposition: z.enum(['retry', 'wait', 'stop', 'page']),
  notLost: z.string(),
  remedy: z.string(),
  evidence: z.record(z.string(), z.unknown()),
});

/** The door whose admin interface (`createDoorAdmin`) is at `url`. Connections are kept alive. */
export function httpDoor(options: { region: string; url: string }): Door {
  const { region } = options;
  const url = `${options.url.replace(/\/$/, '')}/v1/door`;
  return {
    region,
    status: async () => {
      const status = await call(region, url, 'GET', null);
      if (status.region === region) return status;
      const message = `${url} is the door of ${status.region}, not of ${region}`;
      throw trafficErrors.make('door-wrong-region', message, { url, region: status.region });
    },
    set: (mode: DoorMode, token: number) =>
      call(region, url, 'PUT', JSON.stringify({ region, mode, token })),
  };
}

async function call(
  region: string,
  url: string,
  method: 'GET' | 'PUT',
  body: string | null,
): Promise<DoorStatus> {
  try {
    const answer = await request(url, {
      method,
      body,
      headers: body === null ? {} : { 'content-type': 'application/json' },
      signal: AbortSignal.timeout(deadlineMs),
    });
    const json = await readJson(answer.body);
    if (answer.statusCode === 200) return doorStatusSchema.parse(json);
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
