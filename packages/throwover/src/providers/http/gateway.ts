import { type Dispatcher, getGlobalDispatcher } from 'undici';
import type { z } from 'zod';
import { answeredValue, jsonCall } from '../../kernel/http-call.ts';
import { type Clock, systemClock } from '../../kernel/kernel.ts';
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

/** Longest answer of a gateway, bytes: a status has a few hundred. */
const MAX_ANSWER_BYTES = 1024 ** 2;

/**
 * A gateway over its admin port. All calls are safe to repeat: `set` is refused if newer commands
 * were seen, and changes nothing if the mode already holds; `redeliver` does its work once per key.
 * Closing `dispatcher` ends open requests.
 */
export function httpGateway(options: {
  region: string;
  url: string;
  dispatcher?: Dispatcher;
  clock?: Clock;
}): GatewayControl {
  const { region, url, dispatcher = getGlobalDispatcher(), clock = systemClock } = options;
  const call = <T>(
    method: 'GET' | 'PUT' | 'POST',
    path: string,
    input: unknown,
    deadlineMs: number,
    output: z.ZodType<T>,
  ) =>
    answeredValue(
      jsonCall({
        ...{ url: new URL(path, url), method, input, output },
        ...{ dispatcher, deadlineMs, maxBytes: MAX_ANSWER_BYTES, clock },
      }),
      (why, cause) =>
        webhookErrors.make(
          'gateway-unreachable',
          `the gateway of ${region} at ${url}: ${why}`,
          { region, url },
          cause,
        ),
    );
  return {
    region,
    status: () => call('GET', '/v1/gateway', undefined, STATUS_TIMEOUT_MS, gatewayStatusSchema),
    set: (mode, token) =>
      call('PUT', '/v1/gateway/mode', { mode, token }, SET_TIMEOUT_MS, gatewayStatusSchema),
    redeliver: (window, token) =>
      call('POST', '/v1/gateway/redeliver', { window, token }, SET_TIMEOUT_MS, redeliveredSchema),
  };
}
