import { endToEnd } from '../end-to-end.ts';
import { headers } from '../wire.ts';
import { decide, type Refusal, refusalAnswer } from './decide.ts';
import { type ForwardingOptions, forwardingDefaults } from './forwarding.ts';
import { Passage } from './pass.ts';
import { Standings } from './standing.ts';

/**
 * Request headers that are not passed on: replaced by our own, or of no use here (`expect`: the
 * body is already complete).
 */
const notSent: ReadonlySet<string> = new Set([headers.forwarded, 'content-length', 'expect']);

/** Answer headers that are left out: a function's result has its own field for cookies. */
const cookies: ReadonlySet<string> = new Set(['set-cookie']);

/** The fields that are read from the event of a function URL or an HTTP API (payload 2.0). */
export interface FunctionUrlEvent {
  readonly rawPath?: string | undefined;
  readonly rawQueryString?: string | undefined;
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  readonly cookies?: readonly string[] | undefined;
  readonly body?: string | null | undefined;
  readonly isBase64Encoded?: boolean | undefined;
  readonly requestContext?:
    | {
        readonly http?:
          | { readonly method?: string | undefined; readonly sourceIp?: string | undefined }
          | undefined;
      }
    | undefined;
}

export interface FunctionUrlResult {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: readonly string[];
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

/**
 * Largest answer that is passed on, bytes: in base64 and with headers it still fits Lambda's 6 MB.
 */
const maxAnswerBytes = 4 * 1024 * 1024;

/** Longest wait for an answer, ms: the limit of API Gateway for an integration. */
const answerTimeoutMs = 29_000;

/**
 * Wraps a function's handler: `export const handler = lambdaForwarding({ region, look
 * })(applicationHandler)`.
 *
 * The cause of a straggler is always `unknown`, because a function does not see connections. Other
 * events (warm-up, queues) always go to the application.
 */
export function lambdaForwarding(options: ForwardingOptions) {
  const settings = { ...forwardingDefaults, ...options };
  const { region, onStraggler, clock } = settings;
  const standings = new Standings(settings);
  const passage = new Passage();
  return <Event, Context, Result>(
    application: (event: Event, context: Context) => Promise<Result> | Result,
  ) =>
    async (event: Event, context: Context): Promise<Result | FunctionUrlResult> => {
      const request = event as FunctionUrlEvent;
      const method = request.requestContext?.http?.method;
      if (method === undefined) return application(event, context);
      const standing = await standings.current();
      const given = lowerCased(request.headers);
      const decision = decide(standing, {
        region,
        forwarded: given.get(headers.forwarded),
        upgrade: given.get('upgrade'),
      });
      if (decision.action === 'serve') return application(event, context);
      const startedMs = clock.monotonicMs();
      const answer =
        decision.action === 'refuse'
          ? decision.refusal
          : await pass(passage, decision.to, { request, given, method, region });
      const refused = 'code' in answer;
      const there = refused ? Number.NaN : Number(answer.headers[headers.duration] ?? Number.NaN);
      const tookMs = clock.monotonicMs() - startedMs;
      onStraggler({
        cause: 'unknown',
        address: request.requestContext?.http?.sourceIp ?? null,
        userAgent: given.get('user-agent') ?? null,
        outcome: refused ? answer.code : 'forwarded',
        addedMs: Number.isFinite(there) ? tookMs - there : null,
      });
      return refused ? refusal(answer, { region, epoch: standing.epoch }) : answer;
    };
}

async function pass(
  passage: Passage,
  to: Parameters<Passage['send']>[0]['to'],
  from: {
    request: FunctionUrlEvent;
    given: ReadonlyMap<string, string>;
    method: string;
    region: string;
  },
): Promise<FunctionUrlResult | Refusal> {
  const { request, given, method, region } = from;
  const raw = [...given].flat();
  // Payload 2.0 takes cookies out of the headers.
  if (request.cookies !== undefined && request.cookies.length > 0 && !given.has('cookie')) {
    raw.push('cookie', request.cookies.join('; '));
  }
  const sent = endToEnd(raw, given.get('connection'), notSent);
  const sourceIp = request.requestContext?.http?.sourceIp;
  // Lambda adds the client's address itself; add it here when it is missing.
  if (!given.has('x-forwarded-for') && sourceIp !== undefined) {
    sent.push('x-forwarded-for', sourceIp);
  }
  const body =
    request.body === undefined || request.body === null || request.body === ''
      ? null
      : Buffer.from(request.body, request.isBase64Encoded ? 'base64' : 'utf8');
  if (body !== null) sent.push('content-length', String(body.length));
  sent.push(headers.forwarded, `${region}@${to.epoch}`);
  const query = request.rawQueryString ?? '';
  const answer = await passage.send({
    to,
    method,
    target: `${request.rawPath ?? '/'}${query === '' ? '' : `?${query}`}`,
    headers: sent,
    body,
    signal: AbortSignal.timeout(answerTimeoutMs),
  });
  if ('code' in answer) return answer;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer) {
      size += chunk.length;
      if (size > maxAnswerBytes) throw new RangeError(`more than ${maxAnswerBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `${to.region}'s answer: ${reason}`;
    return { code: 'door-upstream-failed', status: 502, message };
  }
  return {
    statusCode: answer.statusCode ?? 502,
    headers: {
      [headers.region]: to.region,
      [headers.epoch]: String(to.epoch),
      ...joined(endToEnd(answer.rawHeaders, answer.headers.connection, cookies)),
    },
    cookies: answer.headers['set-cookie'] ?? [],
    body: Buffer.concat(chunks).toString('base64'),
    isBase64Encoded: true,
  };
}

function refusal(reason: Refusal, at: { region: string; epoch: number }): FunctionUrlResult {
  const { status, headers, body } = refusalAnswer(reason, at);
  return { statusCode: status, headers, cookies: [], body, isBase64Encoded: false };
}

function lowerCased(given: FunctionUrlEvent['headers']): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(given ?? {}).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name.toLowerCase(), value]],
    ),
  );
}

/** Payload 2.0 has one value for each name; several are joined as RFC 9110 says. */
function joined(raw: readonly string[]): Record<string, string> {
  const out: Record<string, string> = {};
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    const before = out[name];
    out[name] = before === undefined ? (raw[i + 1] ?? '') : `${before}, ${raw[i + 1] ?? ''}`;
  }
  return out;
}
