import { Hono } from 'hono';
import { hostCalls, peerCalls, sideCalls } from '../../../authority/authority.ts';
import type { ThrowoverError } from '../../../kernel/kernel.ts';
import type { Callers } from '../../../wire/callers.ts';
import { type Handlers, Routes } from '../../../wire/routes.ts';
import type { ProcessTable } from '../../../wire/wire.ts';
import { postgresErrors } from '../errors.ts';
import { postgresCalls } from '../wire.ts';

/** Largest command, bytes: a proof and a promotion have some hundred. */
const maxBodyBytes = 64 * 1024;

/** Every call of a guard beside a PostgreSQL. */
export const guardTable = {
  side: sideCalls,
  postgres: postgresCalls,
  peer: peerCalls,
  host: hostCalls,
} as const satisfies ProcessTable;

export type GuardHandlers = {
  readonly [Group in keyof typeof guardTable]: Handlers<(typeof guardTable)[Group]>;
};

/** The guard over HTTP. */
export function guardApp(handlers: GuardHandlers, callers: Callers | null = null): Hono {
  const app = new Hono();
  new Routes(app, {
    title: 'throwover guard',
    table: guardTable,
    maxBodyBytes,
    callers,
    badCall: (message, issues) => postgresErrors.make('guard-call-wrong', message, { issues }),
    bug: unexpected,
    onRefusal: (error, path) =>
      console.error(JSON.stringify({ level: 'error', path, ...error.toJSON() })),
  })
    .add(sideCalls, handlers.side)
    .add(postgresCalls, handlers.postgres)
    .add(peerCalls, handlers.peer)
    .add(hostCalls, handlers.host);
  return app;
}

/**
 * Turns PostgreSQL's own refusal, or a fault of this process, into an error with its message and
 * code.
 */
function unexpected(error: Error): ThrowoverError {
  const { code } = error as { code?: unknown };
  return postgresErrors.make(
    'database-refused',
    error.message,
    typeof code === 'string' ? { code } : {},
    error,
  );
}
