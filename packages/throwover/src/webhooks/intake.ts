import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  atMost,
  BodyBudget,
  type BodyShare,
  type Clock,
  impatience,
  isThrowoverError,
  type ThrowoverError,
} from '../kernel/kernel.ts';
import { webhookErrors } from './errors.ts';
import type { EventJournal } from './journal.ts';
import type { Verifier } from './signatures.ts';
import type { SourceCounts } from './wire.ts';

/**
 * Largest body. Stripe's events are some KB; a larger body would delay the commit of all other
 * events.
 */
const MAX_BODY_BYTES = 1_048_576;

/** A body up to this size is always read, bytes. Nearly every event is smaller. */
const SMALL_BODY_BYTES = 65_536;

/**
 * Memory that all larger bodies share, bytes. A body keeps its part until its event is on disk or
 * refused, because until then nobody has checked its signature.
 */
const LARGE_BODIES_BYTES = 64 * 1_048_576;

/** Most connections at once: the senders of a service use some hundred. */
const MAX_CONNECTIONS = 2_048;

/**
 * Longer than senders and proxies keep an idle connection, ms, so that they close it, and not this
 * side in the middle of a request.
 */
const KEEP_ALIVE_MS = 75_000;

/** The pause that a sender is told to make when the gateway has a problem, seconds. */
const RETRY_AFTER_S = 5;

/**
 * HTTP status per code. A problem of the gateway is always 503: senders give up on 4xx, and 410
 * makes some of them disable the endpoint.
 */
const statusOf: Readonly<Record<string, number>> = {
  'webhook-signature-refused': 400,
  'webhook-without-id': 400,
  'webhook-source-unknown': 404,
  'webhook-too-large': 413,
};

type Counts = { -readonly [Key in keyof SourceCounts]: SourceCounts[Key] };

export interface Intake {
  readonly server: Server;
  readonly counts: Readonly<Record<string, SourceCounts>>;
  /** Makes every later request be answered 503. */
  refuse(): void;
}

/** The public port: POST /in/SOURCE. A3: 200 is sent after the event's commit, never before. */
export function createIntake(options: {
  journal: EventJournal;
  verifiers: ReadonlyMap<string, Verifier>;
  clock: Clock;
  onStored: (source: string) => void;
}): Intake {
  const { journal, verifiers, clock, onStored } = options;
  const counts: Record<string, Counts> = Object.fromEntries(
    [...verifiers.keys()].map((source) => [
      source,
      { accepted: 0, duplicates: 0, signatureRefused: 0, lastSignatureError: null },
    ]),
  );
  const budget = new BodyBudget({
    smallBytes: SMALL_BODY_BYTES,
    sharedBytes: LARGE_BODIES_BYTES,
  });
  let closing = false;

  async function accept(request: IncomingMessage, share: BodyShare) {
    if (closing) throw webhookErrors.make('gateway-closing', 'the gateway ends');
    const source = sourceOf(request);
    const verifier = verifiers.get(source);
    const count = counts[source];
    if (verifier === undefined || count === undefined) {
      throw webhookErrors.make(
        'webhook-source-unknown',
        `no source at ${request.method} ${request.url}`,
      );
    }
    if (journal.failure !== null) throw journal.failure;
    const body = await readBody(request, share);
    const header = (name: string) => {
      const value = request.headers[name];
      return typeof value === 'string' ? value : undefined;
    };
    const { signatureHeader } = verifier;
    const id = verified(() => verifier.verify({ body, header }), count);
    const stored = await journal.append({
      source,
      id,
      body,
      contentType: header('content-type') ?? null,
      signature: signatureHeader === null ? null : (header(signatureHeader) ?? null),
      receivedMs: clock.wallMs(),
    });
    if (stored === 'duplicate') {
      count.duplicates += 1;
    } else {
      count.accepted += 1;
      onStored(source);
    }
    return stored;
  }

  const limits = { ...impatience(), keepAliveTimeout: KEEP_ALIVE_MS };
  const server = createServer(limits, (request, response) => {
    const share = budget.begin();
    const accepted = accept(request, share).finally(() => share.end());
    accepted.then(
      (stored) => {
        if (closing) response.setHeader('connection', 'close');
        answer(response, 200, { accepted: true, duplicate: stored === 'duplicate' });
      },
      (error: unknown) => {
        if (response.destroyed) return;
        request.resume();
        refuseWith(response, error);
      },
    );
  });
  atMost(server, MAX_CONNECTIONS);
  return {
    server,
    counts,
    refuse: () => {
      closing = true;
    },
  };
}

function sourceOf(request: IncomingMessage): string {
  const path = (request.url ?? '').split('?')[0] ?? '';
  return request.method === 'POST' && path.startsWith('/in/') ? path.slice('/in/'.length) : '';
}

function verified(verify: () => string, count: Counts): string {
  try {
    return verify();
  } catch (error) {
    if (isThrowoverError(error, 'webhook-signature-refused')) {
      count.signatureRefused += 1;
      count.lastSignatureError = error.message;
    }
    throw error;
  }
}

/**
 * A body that is too large is read and discarded, so that the sender gets its answer and not a
 * reset.
 */
function readBody(request: IncomingMessage, share: BodyShare): Promise<Buffer> {
  // One buffer that grows: each chunk of a byte would cost half a kilobyte of its own.
  let held = Buffer.alloc(0);
  let size = 0;
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      const before = size;
      size += chunk.length;
      if (size <= MAX_BODY_BYTES && share.take(chunk.length)) {
        if (size > held.length) {
          const grown = Buffer.allocUnsafe(Math.max(size, 2 * held.length));
          held.copy(grown, 0, 0, before);
          held = grown;
        }
        chunk.copy(held, before);
        return;
      }
      request.off('data', onData);
      held = Buffer.alloc(0);
      reject(
        size > MAX_BODY_BYTES
          ? webhookErrors.make(
              'webhook-too-large',
              `the body has more than ${MAX_BODY_BYTES} bytes`,
            )
          : webhookErrors.make('gateway-busy', 'too many large events are being read'),
      );
    };
    request.on('data', onData);
    request.on('end', () => resolve(held.subarray(0, size)));
    request.on('error', reject);
  });
}

function refuseWith(response: ServerResponse, error: unknown): void {
  const known: ThrowoverError | null = isThrowoverError(error) ? error : null;
  const status = (known && statusOf[known.code]) ?? 503;
  if (status === 503) response.setHeader('retry-after', String(RETRY_AFTER_S));
  // The rest of a body that was not read could be taken for the next request.
  if (status === 413 || known?.code === 'gateway-closing')
    response.setHeader('connection', 'close');
  const { code, message } = known ?? {
    code: 'gateway-busy',
    message: 'the event was not accepted',
  };
  answer(response, status, { error: { code, message } });
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
