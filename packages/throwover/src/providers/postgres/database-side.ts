import { Agent } from 'undici';
import { type Connect, connecting } from '../../access/machine.ts';
import { type DatabaseSide, sideCalls, sideThrough } from '../../authority/authority.ts';
import { answeredValue } from '../../kernel/http-call.ts';
import type { Clock } from '../../kernel/kernel.ts';
import { callOver } from '../../wire/client.ts';
import type { Call, Given, Output } from '../../wire/wire.ts';
import { postgresErrors } from './errors.ts';
import { type Place, postgresCalls } from './wire.ts';

/**
 * How long an idle connection to a guard is kept, ms: a run polls every few ms, a check every few
 * seconds.
 */
const keepAliveMs = 30_000;

export interface PostgresSideOptions {
  readonly region: string;
  /** Base URL of the process beside the database: `http://127.0.1.1:7603`. */
  readonly guardUrl: string;
  /** Deadline of `attach`, ms: a copy of the whole database may be needed. */
  readonly attachTimeoutMs: number;
  readonly clock: Clock;
  readonly connect?: Connect;
}

/** A region's PostgreSQL, through the guard beside it. */
export function postgresSide(
  options: PostgresSideOptions,
): DatabaseSide & { place(): Promise<Place>; close(): Promise<void> } {
  const { region, guardUrl, clock, connect } = options;
  const dispatcher = new Agent({ keepAliveTimeout: keepAliveMs, ...connecting(connect) });
  const send = <One extends Call>(
    command: string,
    call: One,
    body: unknown,
    deadlineMs: number,
  ): Promise<Output<One>> =>
    answeredValue(
      callOver(call, { body } as Given<One>, { url: guardUrl, dispatcher, clock, deadlineMs }),
      (why, cause) =>
        postgresErrors.make(
          'database-unreachable',
          `${region}: no answer from the process beside the database to ${command}: ${why}`,
          { region, guardUrl, command },
          cause,
        ),
    );
  const { place } = postgresCalls;
  return {
    ...sideThrough(options, (name, body, deadlineMs) =>
      send<Call>(name, sideCalls[name], body, deadlineMs),
    ),
    place: () => send('place', place, undefined, place.deadlineMs),
    close: () => dispatcher.destroy(),
  };
}
