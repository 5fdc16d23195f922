import type { Dispatcher } from 'undici';
import { answeredValue } from '../../kernel/http-call.ts';
import { type Clock, systemClock } from '../../kernel/kernel.ts';
import { type Door, type DoorCounts, doorCalls, trafficErrors } from '../../traffic/traffic.ts';
import { callOver } from '../../wire/client.ts';
import type { Call, Given, Output } from '../../wire/wire.ts';

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
  const { region, url, clock = systemClock, ...way } = options;
  const ask = <One extends Call>(call: One, given: Given<One>): Promise<Output<One>> =>
    answeredValue(callOver(call, given, { ...way, url, clock }), (why, cause) => {
      const message = `${region}'s door at ${url}: ${why}`;
      return trafficErrors.make('door-unreachable', message, { region, url }, cause);
    });
  return {
    region,
    status: async () => {
      const now = await ask(doorCalls.status, {});
      if (now.region === region) return now;
      const message = `${url} is the door of ${now.region}, not of ${region}`;
      throw trafficErrors.make('door-wrong-region', message, { url, region: now.region });
    },
    set: (mode, token) => ask(doorCalls.set, { body: { region, mode, token } }),
    stragglers: (sinceEpoch) => ask(doorCalls.stragglers, { query: { sinceEpoch } }),
    connections: (olderThanMs) => ask(doorCalls.connections, { query: { olderThanMs } }),
    latency: (span) => ask(doorCalls.latency, { query: span }),
    beacons: (sinceWallMs) => ask(doorCalls.beacons, { query: { sinceWallMs } }),
  };
}
