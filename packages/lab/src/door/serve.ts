import type { IncomingMessage, ServerResponse } from 'node:http';
import { Pool } from 'undici';
import { z } from 'zod';
import { problem } from '../checkout/http.ts';

/** Largest request body, bytes: in base64 and with headers it still fits Lambda's 6 MB. */
const maxBodyBytes = 4 * 1024 * 1024;

/**
 * Most connections to the function pool: above the account limit, so that a flood meets Lambda's
 * 429 and not a queue here.
 */
const maxConnections = 256;

/** Longest wait for an answer of the function, ms: the limit of API Gateway for an integration. */
const answerTimeoutMs = 29_000;

/** The answer of a function behind an HTTP API (payload 2.0). */
const functionResult = z.object({
  statusCode: z.int().min(200).max(599),
  headers: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  cookies: z.array(z.string()).optional(),
  body: z.string().optional(),
  isBase64Encoded: z.boolean().optional(),
});

interface FunctionTarget {
  /** Base URL of the Lambda API. */
  readonly endpoint: string;
  readonly functionName: string;
  readonly alias: string;
}

/**
 * Serves HTTP requests by invoking the function, as API Gateway does: event in payload 2.0, answer
 * mapped back. Missing capacity, an unreachable Lambda, and every other refusal of Lambda are 503
 * with Retry-After (nothing was done, or the client's idempotency key makes a retry safe); a function
 * that threw an error or gave an invalid answer is 502.
 */
export function functionServe(target: FunctionTarget) {
  const lambda = new Pool(target.endpoint, {
    connections: maxConnections,
    headersTimeout: answerTimeoutMs,
    bodyTimeout: answerTimeoutMs,
  });
  const path = `/2015-03-31/functions/${encodeURIComponent(target.functionName)}/invocations?Qualifier=${encodeURIComponent(target.alias)}`;

  async function invoke(event: unknown): Promise<Answer> {
    const answer = await lambda
      .request({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(event),
      })
      .then(async ({ statusCode, headers, body }) => ({
        statusCode,
        failed: headers['x-amz-function-error'] !== undefined,
        text: await body.text(),
      }))
      .catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
    if (answer instanceof Error) return problem(503, 'functions-unreachable', answer.message);
    if (answer.statusCode === 429) return problem(503, 'functions-throttled', answer.text);
    if (answer.statusCode >= 300) return problem(503, 'functions-failed', answer.text);
    if (answer.failed) return problem(502, 'function-error', answer.text);
    return fromFunction(answer.text);
  }

  return {
    async serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
      const body = await readBody(req);
      if (body === null)
        return send(res, problem(413, 'too-large', `more than ${maxBodyBytes} bytes`));
      send(res, await invoke(toEvent(req, body)));
    },
    close: () => lambda.destroy(),
  };
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: string | Buffer;
}

function send(res: ServerResponse, answer: Answer): void {
  // The client may have disconnected meanwhile; the function's work stays done.
  if (res.destroyed) return;
  res.writeHead(answer.statusCode, {
    ...answer.headers,
    'content-length': Buffer.byteLength(answer.body),
  });
  res.end(answer.body);
}

/** Returns the whole body, or null when it is larger than allowed. */
async function readBody(req: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes <= maxBodyBytes) chunks.push(chunk);
  }
  return bytes <= maxBodyBytes ? Buffer.concat(chunks) : null;
}

function toEvent(req: IncomingMessage, body: Buffer): unknown {
  const url = req.url ?? '/';
  const mark = url.indexOf('?');
  const rawPath = mark === -1 ? url : url.slice(0, mark);
  const headers = Object.fromEntries(
    Object.entries(req.headers).map(([name, value]) => [name, String(value)]),
  );
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString: mark === -1 ? '' : url.slice(mark + 1),
    headers,
    requestContext: {
      http: { method: req.method, path: rawPath, sourceIp: req.socket.remoteAddress },
    },
    ...(body.byteLength === 0 ? {} : { body: body.toString('base64') }),
    isBase64Encoded: body.byteLength > 0,
  };
}

function fromFunction(text: string): Answer {
  const parsed = functionResult.safeParse(jsonOf(text));
  if (!parsed.success) return problem(502, 'function-answer', 'the function gave no HTTP answer');
  const { statusCode, headers = {}, cookies, body = '', isBase64Encoded } = parsed.data;
  return {
    statusCode,
    headers: {
      ...Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
      ),
      ...(cookies === undefined ? {} : { 'set-cookie': cookies }),
    },
    body: isBase64Encoded ? Buffer.from(body, 'base64') : body,
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
