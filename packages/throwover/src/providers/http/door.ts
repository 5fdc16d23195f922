import { type Dispatcher, getGlobalDispatcher } from 'undici';
import type { z } from 'zod';
import { answeredValue, jsonCall } from '../../kernel/http-call.ts';
import { type Clock, systemClock } from '../../kernel/kernel.ts';
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
  clock?: Clock;
}): Door & DoorCounts {
  const { region, dispatcher = getGlobalDispatcher(), clock = systemClock } = options;
  const base = `${options.url.replace(/\/$/, '')}/v1/door`;
  const ask = <T>(
    asked: { path?: string; method?: 'PUT'; input?: unknown; deadlineMs: number },
    output: z.ZodType<T>,
  ) => {
    const { path = '', ...rest } = asked;
    const url = `${base}${path}`;
    const answer = jsonCall({
      ...{ url, ...rest, output },
      ...{ dispatcher, maxBytes: maxAnswerBytes, clock },
    });
    return answeredValue(answer, (why, cause) => {
      const message = `${region}'s door at ${url}: ${why}`;
      return trafficErrors.make('door-unreachable', message, { region, url }, cause);
    });
  };
  const counts = <T>(path: string, schema: z.ZodType<T>) =>
    ask({ path: `/${path}`, deadlineMs: countsDeadlineMs }, schema);
  return {
    region,
    status: async () => {
      const now = await ask({ deadlineMs }, doorStatusSchema);
      if (now.region === region) return now;
      const message = `${base} is the door of ${now.region}, not of ${region}`;
      throw trafficErrors.make('door-wrong-region', message, { url: base, region: now.region });
    },
    set: (mode: DoorMode, token: number) =>
      ask({ method: 'PUT', input: { region, mode, token }, deadlineMs }, doorStatusSchema),
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
