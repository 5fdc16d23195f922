import { Undecided } from '../errors.ts';
import type { Queryable } from '../sql.ts';
import { headers } from '../wire.ts';
import {
  laterToken,
  readToken,
  type SigningKeys,
  signToken,
  type Token,
  type TokenRefusal,
} from './token.ts';
import { defaultDeadlineMs, type Waited, type WaitOptions, waitFor } from './wait.ts';

export interface ReadYourWritesOptions {
  readonly keys: SigningKeys;
  /** Longest wait of a read, ms; default 250. */
  readonly deadlineMs?: number;
  /** Header of request and answer; default `throwover-token`. */
  readonly header?: string;
  /** Also sends the token as a cookie, for browsers that carry no header; default none. */
  readonly cookie?: CookieOptions;
}

export interface CookieOptions {
  readonly name: string;
  /**
   * How long the browser keeps the cookie, s; default 3600: longer than any lag, and than most
   * failovers.
   */
  readonly maxAgeSeconds?: number;
  /** Default true; false only for a server without TLS. */
  readonly secure?: boolean;
}

const defaultMaxAgeSeconds = 3_600;

/** The token of one request: read from its headers, updated by its writes. */
export interface RequestScope {
  /**
   * The newest write that the client, or this request, knows of; `null`: there is none, or it was
   * refused.
   */
  readonly token: Token | null;
  /**
   * Why the client's token was refused. A read then does not know which write to wait for, and says
   * `unknown`.
   */
  readonly refusal: TokenRefusal | null;
  /** Call it before a read. Without a token there is nothing to wait for: satisfied at once. */
  waitFor<C extends Queryable>(client: C, options?: WaitOptions<C>): Promise<Waited<C>>;
  /**
   * Call it after a write, before the answer's head is sent: puts the token into the answer.
   * `null`: nothing was written.
   */
  issue(token: Token | null): void;
  /**
   * Call it after the user was told that a write is lost: removes the token from the client.
   * Otherwise every later read reports the loss again.
   */
  forget(): void;
}

/** The part of the answer that a scope needs. */
export interface AnswerHead {
  setHeader(name: string, value: string): void;
  addCookie(value: string): void;
}

type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * The plain function below both middlewares: reads the request's token, and signs the tokens of its
 * writes.
 */
export function requestScope(
  options: ReadYourWritesOptions,
  requestHeaders: RequestHeaders,
  answer: AnswerHead,
): RequestScope {
  const { keys, deadlineMs = defaultDeadlineMs } = options;
  const header = (options.header ?? headers.token).toLowerCase();
  const given = givenTokens(header, options.cookie, requestHeaders).map((text) =>
    readToken(text, keys),
  );
  let token: Token | null = null;
  let refusal: TokenRefusal | null = null;
  for (const read of given) {
    if (!read.ok) refusal = read.refusal;
    else token = token === null ? read.token : laterToken(token, read.token);
  }
  return {
    get token() {
      return token;
    },
    get refusal() {
      return refusal;
    },
    waitFor: async (client, waitOptions) => {
      if (refusal !== null) return refused(client, refusal, waitOptions);
      if (token === null) {
        const reason = 'no-token';
        const none = { outcome: 'satisfied', reason, given: reason } as const;
        return { ...none, client, routed: false, waitedMs: 0 };
      }
      return waitFor(client, token, { deadlineMs, ...waitOptions });
    },
    issue: (written) => {
      if (written === null) return;
      token = token === null ? written : laterToken(token, written);
      const text = signToken(token, keys);
      answer.setHeader(header, text);
      if (options.cookie !== undefined) answer.addCookie(cookieOf(options.cookie, text));
    },
    forget: () => {
      [token, refusal] = [null, null];
      answer.setHeader(header, '');
      if (options.cookie !== undefined) {
        answer.addCookie(cookieOf({ ...options.cookie, maxAgeSeconds: 0 }, ''));
      }
    },
  };
}

/** A read from the writer shows every write that exists; only a lost write stays unreported. */
async function refused<C>(
  client: C,
  refusal: TokenRefusal,
  options: WaitOptions<C> = {},
): Promise<Waited<C>> {
  const error = new Undecided(null, refusal);
  const ended = {
    outcome: 'unknown',
    reason: refusal,
    given: refusal,
    error,
    waitedMs: 0,
  } as const;
  if (options.route === undefined) return { ...ended, client, routed: false };
  return { ...ended, client: await options.route(), routed: true };
}

function givenTokens(
  header: string,
  cookie: CookieOptions | undefined,
  requestHeaders: RequestHeaders,
): string[] {
  const fromHeader = [requestHeaders[header] ?? []].flat();
  const fromCookie = cookie === undefined ? [] : cookies(requestHeaders['cookie'], cookie.name);
  return [...fromHeader, ...fromCookie].filter((text) => text !== '');
}

function cookies(header: string | readonly string[] | undefined, name: string): string[] {
  return [header ?? []]
    .flat()
    .flatMap((line) => line.split(';'))
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
}

function cookieOf(cookie: CookieOptions, text: string): string {
  const { name, maxAgeSeconds = defaultMaxAgeSeconds, secure = true } = cookie;
  const attributes = ['Path=/', `Max-Age=${maxAgeSeconds}`, 'HttpOnly', 'SameSite=Lax'];
  return [`${name}=${text}`, ...attributes, ...(secure ? ['Secure'] : [])].join('; ');
}

/** The parts of Express's request and answer that are used. */
export interface ExpressRequestLike {
  readonly headers: RequestHeaders;
}
export interface ExpressResponseLike {
  setHeader(name: string, value: string): unknown;
  appendHeader(name: string, value: string): unknown;
}

/** `app.use(expressReadYourWrites({ keys }))` gives every request `req.throwover`. */
export function expressReadYourWrites(options: ReadYourWritesOptions) {
  return (request: ExpressRequestLike, response: ExpressResponseLike, next: () => void): void => {
    const scope = requestScope(options, request.headers, {
      setHeader: (name, value) => response.setHeader(name, value),
      addCookie: (value) => response.appendHeader('set-cookie', value),
    });
    Object.assign(request, { throwover: scope });
    next();
  };
}

/** The parts of a Fastify instance, its request and its reply that are used. */
export interface FastifyInstanceLike {
  decorateRequest(name: string, value: null): unknown;
  addHook(name: 'onRequest', hook: FastifyHookLike): unknown;
}
export type FastifyHookLike = (
  request: { readonly headers: RequestHeaders },
  reply: { header(name: string, value: string): unknown },
  done: () => void,
) => void;

/** `app.register(fastifyReadYourWrites({ keys }))` gives every request `request.throwover`. */
export function fastifyReadYourWrites(options: ReadYourWritesOptions) {
  const plugin = (instance: FastifyInstanceLike, _options: unknown, done: () => void): void => {
    instance.decorateRequest('throwover', null);
    instance.addHook('onRequest', (request, reply, next) => {
      const scope = requestScope(options, request.headers, {
        setHeader: (name, value) => reply.header(name, value),
        // Fastify appends set-cookie, and replaces every other header.
        addCookie: (value) => reply.header('set-cookie', value),
      });
      Object.assign(request, { throwover: scope });
      next();
    });
    done();
  };
  // As the package fastify-plugin does: the hook applies to all routes, not only to this plugin's
  // own.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true });
}
