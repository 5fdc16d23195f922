/**
 * Calls to other processes over HTTP, with a deadline by the clock and a bound on the answer. Not in
 * kernel.ts, because it loads an HTTP client.
 */
import { type Dispatcher, request } from 'undici';
import type { z } from 'zod';
import type { Clock } from './clock.ts';
import { errorSchema } from './error-schema.ts';
import { ThrowoverError } from './errors.ts';
import { withDeadline } from './within.ts';

export interface HttpCall {
  readonly url: URL | string;
  readonly method?: 'GET' | 'PUT' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is. */
  readonly body?: string;
  /** Keeps connections alive; closing it ends open calls. */
  readonly dispatcher?: Dispatcher;
  /** For the whole call, with its body, ms. */
  readonly deadlineMs: number;
  /** Longest answer, bytes. */
  readonly maxBytes: number;
  readonly clock: Clock;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly text: string;
}

/** Makes one call. Throws a plain error when nobody answered in time, or with too much. */
export async function httpCall(call: HttpCall): Promise<HttpAnswer> {
  const { url, method = 'GET', headers = {}, body = null, dispatcher, deadlineMs, clock } = call;
  return withDeadline(clock, deadlineMs, async (signal) => {
    const asked = request(url, {
      method,
      headers: { ...headers },
      body,
      signal,
      // The client's own deadlines would end an attachment, which may take hours.
      headersTimeout: 0,
      bodyTimeout: 0,
      ...(dispatcher === undefined ? {} : { dispatcher }),
    });
    // undici heeds the signal only once it is connected: a frozen machine takes the connection and
    // never ends the handshake of TLS.
    const answer = await Promise.race([asked, endOf(signal, asked)]);
    const text = await textOf(answer.body, call.maxBytes);
    return { status: answer.statusCode, headers: answer.headers, text };
  });
}

/** Rejects when the signal is aborted; what comes of the call after that is ignored. */
function endOf(signal: AbortSignal, asked: Promise<unknown>): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = () => {
      asked.catch(() => {});
      reject(signal.reason);
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

async function textOf(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new RangeError(`an answer of more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The answer of one of throwover's own processes. */
export type Answered<T> =
  | { readonly kind: 'answer'; readonly value: T }
  /** It refused, with an error of its own. */
  | { readonly kind: 'refusal'; readonly error: ThrowoverError }
  /** It is throwover of another version: sending again would bring the same. */
  | { readonly kind: 'other-version'; readonly why: string; readonly cause: unknown }
  /** Somebody else answered at its address, a proxy perhaps, as one does while it restarts. */
  | { readonly kind: 'somebody-else'; readonly why: string; readonly cause: unknown };

/**
 * Calls one of throwover's own processes: JSON there and back, an `ErrorJson` for a refusal. Throws
 * a plain error when nobody answered.
 */
export async function jsonCall<T>(
  call: Omit<HttpCall, 'body'> & { readonly input?: unknown; readonly output: z.ZodType<T> },
): Promise<Answered<T>> {
  const { input, output, headers, ...rest } = call;
  const { status, text } = await httpCall({
    ...rest,
    ...(input === undefined
      ? { headers: { ...headers } }
      : {
          headers: { ...headers, 'content-type': 'application/json' },
          body: JSON.stringify(input),
        }),
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    return { kind: 'somebody-else', why: `answers ${status} without JSON`, cause };
  }
  if (status === 200) {
    const parsed = output.safeParse(json);
    if (parsed.success) return { kind: 'answer', value: parsed.data };
    const why = `gives an answer of another form: ${parsed.error.message}`;
    return { kind: 'other-version', why, cause: parsed.error };
  }
  const error = errorSchema.safeParse(json);
  return error.success
    ? { kind: 'refusal', error: ThrowoverError.fromJSON(error.data) }
    : { kind: 'somebody-else', why: `answers ${status}`, cause: error.error };
}

/**
 * Returns the value, or throws: the process's own error; `unreachable` with the reason when it did
 * not answer; `otherVersion`, by default the same, when its answer is of another form.
 */
export async function answeredValue<T>(
  answered: Promise<Answered<T>>,
  unreachable: (why: string, cause: unknown) => ThrowoverError,
  otherVersion: typeof unreachable = unreachable,
): Promise<T> {
  const answer = await answered.catch((cause: unknown) => {
    throw unreachable(reasonOf(cause), cause);
  });
  switch (answer.kind) {
    case 'answer':
      return answer.value;
    case 'refusal':
      throw answer.error;
    case 'other-version':
      throw otherVersion(answer.why, answer.cause);
    case 'somebody-else':
      throw unreachable(answer.why, answer.cause);
  }
}

/** Returns an error of the network in a few words: its message, or its code where it has none. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { readonly code?: unknown };
  return error.message || (typeof code === 'string' ? code : error.name);
}
