import { type Dispatcher, getGlobalDispatcher, request } from 'undici';
import type { z } from 'zod';
import { errorSchema, ThrowoverError } from '../../kernel/kernel.ts';
import {
  type GatewayControl,
  gatewayStatusSchema,
  redeliveredSchema,
  webhookErrors,
} from '../../webhooks/webhooks.ts';

/** A gateway answers its status from memory, so a longer wait means that the network is down. */
const STATUS_TIMEOUT_MS = 3_000;
/** `set` waits for deliveries in flight: at most 20 s by the gateway's configuration. */
const SET_TIMEOUT_MS = 25_000;

/**
 * A gateway over its admin port. All calls are safe to repeat: `set` is refused if newer commands
 * were seen, and changes nothing if the mode already holds; `redeliver` does its work once per key.
 * Closing `dispatcher` ends open requests.
 */
export function httpGateway(options: {
  region: string;
  url: string;
  dispatcher?: Dispatcher;
}): GatewayControl {
  const { region, url, dispatcher = getGlobalDispatcher() } = options;

  async function call<T>(
    method: 'GET' | 'PUT' | 'POST',
    path: string,
    body: unknown,
    timeoutMs: number,
    schema: z.ZodType<T>,
  ): Promise<T> {
    const unreachable = (reason: string, cause?: unknown) =>
      webhookErrors.make(
        'gateway-unreachable',
        `the gateway of ${region} at ${url} ${reason}`,
        { region, url },
        cause,
      );
    let status: number;
    let answer: unknown;
    try {
      const response = await request(new URL(path, url), {
        dispatcher,
        method,
        signal: AbortSignal.timeout(timeoutMs),
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
      status = response.statusCode;
      answer = await response.body.json();
    } catch (error) {
      throw unreachable('does not answer', error);
    }
    if (status === 200) {
      const parsed = schema.safeParse(answer);
      if (parsed.success) return parsed.data;
      throw unreachable('gives an answer of another form', parsed.error);
    }
    const error = errorSchema.safeParse(answer);
    throw error.success ? ThrowoverError.fromJSON(error.data) : unreachable(`answers ${status}`);
  }

  return {
    region,
    status: () => call('GET', '/v1/gateway', undefined, STATUS_TIMEOUT_MS, gatewayStatusSchema),
    set: (mode, token) =>
      call('PUT', '/v1/gateway/mode', { mode, token }, SET_TIMEOUT_MS, gatewayStatusSchema),
    redeliver: (window, token) =>
      call('POST', '/v1/gateway/redeliver', { window, token }, SET_TIMEOUT_MS, redeliveredSchema),
  };
}
