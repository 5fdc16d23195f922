import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ArcEndpoint } from './arc-cluster.ts';

/**
 * A cluster of routing controls that speaks ARC's wire protocol (AWS JSON 1.0): five endpoints over
 * one state, a safety rule "at least one is On", and changes that are made completely or not at
 * all.
 */
export interface Cluster {
  readonly endpoints: readonly ArcEndpoint[];
  readonly states: Map<string, string>;
  /** The calls, each with its endpoint's number. */
  readonly calls: { readonly endpoint: number; readonly operation: string }[];
  stopEndpoint(index: number): Promise<void>;
  /** Makes this endpoint answer that it is unavailable. */
  busy(index: number): void;
  /** Makes a safety rule refuse every later change. */
  forbid(rule: string): void;
  close(): Promise<void>;
}

interface Body {
  readonly RoutingControlArn?: string;
  readonly UpdateRoutingControlStateEntries?: readonly {
    RoutingControlArn: string;
    RoutingControlState: string;
  }[];
}

const awsRegions = ['us-east-1', 'us-west-2', 'eu-west-1', 'ap-southeast-2', 'ap-northeast-1'];

export async function startCluster(first: Readonly<Record<string, string>>): Promise<Cluster> {
  const states = new Map(Object.entries(first));
  const calls: { endpoint: number; operation: string }[] = [];
  const busyOnes = new Set<number>();
  let rule: string | null = null;
  const servers = await Promise.all(
    awsRegions.map(async (_, endpoint) => {
      const server = createServer(async (request, response) => {
        const operation = String(request.headers['x-amz-target']).replace('ToggleCustomerAPI.', '');
        const body = JSON.parse(await text(request)) as Body;
        calls.push({ endpoint, operation });
        const { status, answer } = busyOnes.has(endpoint)
          ? refuse(503, 'EndpointTemporarilyUnavailableException', 'try another endpoint')
          : act(states, operation, body, rule);
        response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
        response.end(JSON.stringify(answer));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  return {
    endpoints: servers.map((server, index) => ({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
      awsRegion: awsRegions[index] ?? '',
    })),
    states,
    calls,
    stopEndpoint: (index) => close(servers[index]),
    busy: (index) => {
      busyOnes.add(index);
    },
    forbid: (refusedBy) => {
      rule = refusedBy;
    },
    close: async () => {
      await Promise.all(servers.map(close));
    },
  };
}

function act(states: Map<string, string>, operation: string, body: Body, rule: string | null) {
  const unknown = (arn: string) =>
    refuse(404, 'ResourceNotFoundException', `no routing control ${arn}`);
  switch (operation) {
    case 'GetRoutingControlState': {
      const RoutingControlArn = body.RoutingControlArn ?? '';
      const RoutingControlState = states.get(RoutingControlArn);
      if (RoutingControlState === undefined) return unknown(RoutingControlArn);
      const RoutingControlName = RoutingControlArn.split('/').at(-1);
      return {
        status: 200,
        answer: { RoutingControlArn, RoutingControlState, RoutingControlName },
      };
    }
    case 'UpdateRoutingControlStates': {
      if (rule !== null) return refuse(409, 'ConflictException', rule);
      const draft = new Map(states);
      for (const entry of body.UpdateRoutingControlStateEntries ?? []) {
        if (!draft.has(entry.RoutingControlArn)) return unknown(entry.RoutingControlArn);
        draft.set(entry.RoutingControlArn, entry.RoutingControlState);
      }
      if (![...draft.values()].includes('On')) {
        return refuse(409, 'ConflictException', 'safety rule at-least-one-on would be violated');
      }
      for (const [arn, state] of draft) states.set(arn, state);
      return { status: 200, answer: {} };
    }
    default:
      return refuse(400, 'ValidationException', `unknown operation ${operation}`);
  }
}

function refuse(status: number, type: string, message: string) {
  return { status, answer: { __type: type, message } };
}

async function close(server: Server | undefined): Promise<void> {
  if (server === undefined || !server.listening) return;
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}
