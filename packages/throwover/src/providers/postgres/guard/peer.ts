import { Agent } from 'undici';
import { type Connect, connecting } from '../../../access/machine.ts';
import { type Peer, peerCalls } from '../../../authority/authority.ts';
import { answeredValue } from '../../../kernel/http-call.ts';
import type { Clock } from '../../../kernel/kernel.ts';
import { callOver } from '../../../wire/client.ts';
import type { Call, Given, Output } from '../../../wire/wire.ts';
import { postgresErrors } from '../errors.ts';

/** The other region's guard, over HTTP. */
export function httpPeer(options: {
  readonly region: string;
  readonly url: string;
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly connect?: Connect;
}): Peer & { close(): Promise<void> } {
  const { region, url, deadlineMs, clock, connect } = options;
  const dispatcher = new Agent(connecting(connect));
  const ask = <One extends Call>(call: One, given: Given<One>): Promise<Output<One>> =>
    answeredValue(callOver(call, given, { url, dispatcher, deadlineMs, clock }), (why, cause) =>
      postgresErrors.make(
        'peer-away',
        `${region}'s guard at ${url} gave no answer to ${call.path}: ${why}`,
        { region, url },
        cause,
      ),
    );
  return {
    region,
    word: (body) => ask(peerCalls.word, { body }),
    renounce: (body) => ask(peerCalls.renounce, { body }),
    promise: (body) => ask(peerCalls.promise, { body }),
    recordSync: (body) => ask(peerCalls.recordSync, { body }),
    close: () => dispatcher.destroy(),
  };
}
