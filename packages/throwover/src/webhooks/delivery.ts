import { isPosition, headers as wire } from '@throwover/client';
import { type Dispatcher as HttpDispatcher, request } from 'undici';
import type { Clock, Random } from '../kernel/kernel.ts';
import type { PendingEvent } from './journal.ts';

/** The active region's door, and the connections to it. */
export interface Target {
  readonly region: string;
  readonly epoch: number;
  readonly url: string;
  readonly connections: HttpDispatcher;
}

/** How events of one source are sent to the application. */
export interface DeliveredSource {
  readonly name: string;
  readonly path: string;
  /** As in `Verifier`. */
  readonly signatureHeader: string | null;
}

/**
 * The result of an attempt, as a value; only the dispatcher decides what follows. refused: the
 * application answered, or took the request and did not answer in time; this counts. away: no
 * application answered; this says nothing about the event and does not count. unknown: the gateway
 * cut the attempt off; the application may have handled the event, and will see it again.
 */
export type Outcome =
  | { readonly kind: 'delivered'; readonly region: string; readonly position: string | null }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'away'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason: string };

/** Answers of a door or proxy that reaches no application. */
const awayStatuses: ReadonlySet<number> = new Set([502, 503, 504]);

/**
 * There was no answer. A reset may also mean that this event kills its handler; the dispatcher
 * tells the two apart by whether other events get through.
 */
const awayCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNRESET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_SOCKET',
]);

/** Bytes of an application's answer that are read before its connection is dropped. */
const MAX_ANSWER = 65_536;

export async function attempt(options: {
  target: Target;
  source: DeliveredSource;
  event: PendingEvent;
  timeoutMs: number;
  clock: Clock;
  /** Aborted when the gateway must stop delivering now. */
  signal: AbortSignal;
}): Promise<Outcome> {
  const { target, event, signal } = options;
  const late = new AbortController();
  const done = new AbortController();
  options.clock.sleep(options.timeoutMs, done.signal).then(
    () => late.abort(),
    () => undefined,
  );
  try {
    const answer = await request(new URL(options.source.path, target.url), {
      method: 'POST',
      dispatcher: target.connections,
      signal: AbortSignal.any([signal, late.signal]),
      body: event.body,
      headers: headersOf(options),
    });
    await answer.body.dump({ limit: MAX_ANSWER });
    return outcomeOf(target, answer.statusCode, answer.headers);
  } catch (error) {
    if (signal.aborted)
      return { kind: 'unknown', reason: 'cut off when the gateway was told to stop' };
    if (late.signal.aborted)
      return { kind: 'refused', reason: `no answer in ${options.timeoutMs} ms` };
    return failureOf(error);
  } finally {
    done.abort();
  }
}

function headersOf(options: { target: Target; source: DeliveredSource; event: PendingEvent }) {
  const { target, source, event } = options;
  return {
    'content-type': event.contentType ?? 'application/octet-stream',
    ...(event.signature === null || source.signatureHeader === null
      ? {}
      : { [source.signatureHeader]: event.signature }),
    [wire.eventId]: event.id,
    [wire.eventSource]: source.name,
    [wire.epoch]: String(target.epoch),
    [wire.attempt]: String(event.attempts + 1),
    ...(event.redelivery ? { [wire.redelivery]: '1' } : {}),
  };
}

function outcomeOf(
  target: Target,
  status: number,
  headers: Record<string, string | string[] | undefined>,
): Outcome {
  if (status >= 200 && status < 300) {
    const region = headers[wire.region];
    const position = headers[wire.position];
    return {
      kind: 'delivered',
      region: typeof region === 'string' && region.length <= 63 ? region : target.region,
      position: isPosition(position) ? position : null,
    };
  }
  const kind = awayStatuses.has(status) ? 'away' : 'refused';
  return { kind, reason: `${target.region} answered ${status}` };
}

function failureOf(error: unknown): Outcome {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = error instanceof Error ? error.message : String(error);
  return {
    kind: awayCodes.has(code) ? 'away' : 'refused',
    reason: code === '' ? message : `${code}: ${message}`,
  };
}

/**
 * Returns an exponential pause whose upper half is random, so that events that failed together are
 * not retried together.
 */
export function backoffMs(
  failures: number,
  bounds: { baseMs: number; capMs: number },
  random: Random,
): number {
  const full = Math.min(bounds.capMs, bounds.baseMs * 2 ** (failures - 1));
  return full * (0.5 + random.next() / 2);
}
