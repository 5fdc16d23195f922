import type { Dispatcher } from 'undici';
import type { z } from 'zod';
import { type Answered, jsonCall } from '../kernel/http-call.ts';
import type { Clock } from '../kernel/kernel.ts';
import type { Call, Given, Output } from './wire.ts';

/** Longest answer, bytes, of a call that names none. */
const defaultMaxAnswerBytes = 1024 ** 2;

export interface CallWay {
  /** Base URL of the process; it may have a path, where a proxy stands before it. */
  readonly url: string;
  readonly clock: Clock;
  /** Keeps connections alive; closing it ends open calls. */
  readonly dispatcher?: Dispatcher;
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of the call's own, ms. */
  readonly deadlineMs?: number;
}

/** Makes one call as its row says. Throws a plain error when nobody answered. */
export function callOver<One extends Call>(
  call: One,
  given: Given<One>,
  way: CallWay,
): Promise<Answered<Output<One>>> {
  const { url, ...rest } = way;
  const { params, query, body } = given as {
    params?: Readonly<Record<string, unknown>>;
    query?: Readonly<Record<string, unknown>>;
    body?: unknown;
  };
  return jsonCall({
    deadlineMs: call.deadlineMs,
    ...rest,
    url: `${url.replace(/\/$/, '')}${pathWith(call.path, params)}${searchOf(query)}`,
    method: call.method,
    ...(call.body === undefined ? {} : { input: body ?? null }),
    output: call.output as z.ZodType<Output<One>>,
    maxBytes: call.maxAnswerBytes ?? defaultMaxAnswerBytes,
  });
}

function pathWith(path: string, params: Readonly<Record<string, unknown>> = {}): string {
  return path.replaceAll(/:(\w+)/g, (_all, name) => encodeURIComponent(String(params[name])));
}

function searchOf(query: Readonly<Record<string, unknown>> = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  if (given.length === 0) return '';
  return `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))}`;
}
