import { headers } from '@throwover/client';
import { z } from 'zod';

/**
 * The event of API Gateway (HTTP API, payload 2.0) and function URLs; only the fields that checkout
 * reads.
 */
export interface HttpEvent {
  readonly rawPath: string;
  readonly rawQueryString?: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly requestContext: { readonly http: { readonly method: string } };
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}

export interface HttpResult {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Seconds after which a client may try again: a switch of the writer takes about one second. */
const retryAfterSeconds = 1;

/** An answer other than success; it is thrown, and turned into a result at the top level. */
export class HttpProblem extends Error {
  readonly statusCode: number;
  readonly code: string;

  constructor(statusCode: number, code: string, message: string) {
    super(message);
    this.name = 'HttpProblem';
    this.statusCode = statusCode;
    this.code = code;
  }
}

export function json(
  statusCode: number,
  body: unknown,
  more: Readonly<Record<string, string>> = {},
): HttpResult {
  return {
    statusCode,
    headers: { 'content-type': 'application/json', ...more },
    body: JSON.stringify(body),
  };
}

export function problem(statusCode: number, code: string, message: string): HttpResult {
  return json(
    statusCode,
    { error: { code, message } },
    statusCode === 503 ? { 'retry-after': String(retryAfterSeconds) } : {},
  );
}

/** Every answer names the region that gave it. */
export function fromRegion(result: HttpResult, region: string): HttpResult {
  return { ...result, headers: { ...result.headers, [headers.region]: region } };
}

/** Returns the bytes of the body as received, which a signature covers. */
export function rawBody(event: HttpEvent): string {
  const body = event.body ?? '';
  return event.isBase64Encoded ? Buffer.from(body, 'base64').toString('utf8') : body;
}

export function jsonBody(event: HttpEvent): unknown {
  try {
    return JSON.parse(rawBody(event));
  } catch {
    throw new HttpProblem(400, 'not-json', 'the body is not JSON');
  }
}

/** Returns a value of the request that fits the schema, or says what is wrong with it. */
export function parse<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new HttpProblem(400, 'bad-request', `${what}: ${z.prettifyError(parsed.error)}`);
}
