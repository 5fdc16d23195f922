import type { Dispatcher } from 'undici';
import { answeredValue } from '../../kernel/http-call.ts';
import { type Clock, systemClock } from '../../kernel/kernel.ts';
import { type GatewayControl, gatewayCalls, webhookErrors } from '../../webhooks/webhooks.ts';
import { callOver } from '../../wire/client.ts';
import type { Call, Given, Output } from '../../wire/wire.ts';

/** A gateway over its admin port. Closing `dispatcher` ends open requests. */
export function httpGateway(options: {
  region: string;
  url: string;
  dispatcher?: Dispatcher;
  clock?: Clock;
}): GatewayControl {
  const { region, url, clock = systemClock, ...way } = options;
  const ask = <One extends Call>(call: One, given: Given<One>): Promise<Output<One>> =>
    answeredValue(callOver(call, given, { ...way, url, clock }), (why, cause) =>
      webhookErrors.make(
        'gateway-unreachable',
        `the gateway of ${region} at ${url}: ${why}`,
        { region, url },
        cause,
      ),
    );
  return {
    region,
    status: () => ask(gatewayCalls.status, {}),
    set: (mode, token) => ask(gatewayCalls.setMode, { body: { mode, token } }),
    redeliver: (window, token) => ask(gatewayCalls.redeliver, { body: { window, token } }),
  };
}
