import { Agent } from 'undici';
import type { z } from 'zod';
import type { DatabaseSide } from '../../authority/authority.ts';
import { answeredValue, jsonCall } from '../../kernel/http-call.ts';
import type { Clock } from '../../kernel/kernel.ts';
import { postgresErrors } from './errors.ts';
import { type CommandName, commands, type Input, looks, type Output, type Place } from './wire.ts';

/** Deadlines of the port, ms. */
const statusDeadlineMs = 2_000;
const commandDeadlineMs = 15_000;

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
}

/** A region's PostgreSQL, through the guard beside it. */
export function postgresSide(
  options: PostgresSideOptions,
): DatabaseSide & { place(): Promise<Place>; close(): Promise<void> } {
  const { region, clock } = options;
  const agent = new Agent({ keepAliveTimeout: keepAliveMs });
  const call = <Name extends CommandName>(
    name: Name,
    input: Input<Name>,
    deadlineMs = commandDeadlineMs,
  ) => send({ ...options, agent, name, input, deadlineMs, clock });
  return {
    region,
    status: () => call('status', {}, statusDeadlineMs),
    survey: () => call('survey', {}),
    upstream: () => call('upstream', {}, statusDeadlineMs),
    place: () => call('place', {}, statusDeadlineMs),
    unsent: (command) => call('unsent', command, statusDeadlineMs),
    async admit(command) {
      await call('admit', command);
    },
    async checkpoint(command) {
      await call('checkpoint', command);
    },
    prewarm: (command) => call('prewarm', command),
    fence: (command) => call('fence', command),
    async unfence(command) {
      await call('unfence', command);
    },
    renounce: (command) => call('renounce', command),
    endPromises: (command) => call('endPromises', command),
    promote: (command) => call('promote', command),
    async stop(command) {
      await call('stop', command);
    },
    salvage: (command) => call('salvage', command, options.attachTimeoutMs),
    attach: (command) => call('attach', command, options.attachTimeoutMs),
    close: () => agent.destroy(),
  };
}

/** Longest answer of a guard, bytes: a page of 500 lost writes with their values. */
const maxAnswerBytes = 64 * 1024 ** 2;

function send<Name extends CommandName>(call: {
  region: string;
  guardUrl: string;
  agent: Agent;
  name: Name;
  input: Input<Name>;
  deadlineMs: number;
  clock: Clock;
}): Promise<Output<Name>> {
  const { region, guardUrl, agent, name, input, deadlineMs, clock } = call;
  const answer = jsonCall({
    ...{ url: new URL(`/v1/${name}`, guardUrl), dispatcher: agent },
    ...(looks(name) ? {} : { method: 'POST', input }),
    output: commands[name].output as z.ZodType<Output<Name>>,
    ...{ deadlineMs, maxBytes: maxAnswerBytes, clock },
  });
  return answeredValue(answer, (why, cause) =>
    postgresErrors.make(
      'database-unreachable',
      `${region}: no answer from the process beside the database to ${name}: ${why}`,
      { region, guardUrl, command: name },
      cause,
    ),
  );
}
