import type {
  Route53RecoveryClusterClient,
  RoutingControlState,
} from '@aws-sdk/client-route53-recovery-cluster';
import type { Random } from '../../kernel/kernel.ts';
import { trafficErrors } from '../../traffic/traffic.ts';

/**
 * Longest time for a connection to one endpoint, and for one answer, ms; then the next one is
 * tried.
 */
const connectTimeoutMs = 1_000;
const requestTimeoutMs = 3_000;

export interface ArcEndpoint {
  /** `https://host-xxxxxx.us-east-1.example.routing-control.amazonaws.com/v1`, from DescribeCluster. */
  readonly url: string;
  /** AWS region of that endpoint, for the signature. */
  readonly awsRegion: string;
}

export interface ControlState {
  readonly control: string;
  readonly state: RoutingControlState;
}

type Sdk = typeof import('@aws-sdk/client-route53-recovery-cluster');

/**
 * The data plane of a cluster. Its endpoints are tried in random order until one answers, as AWS
 * advises, so that the loss of an AWS region costs at most one timeout. Errors: `dns-unreachable`,
 * `dns-refused`, `dns-safety-rule`.
 */
export class ArcCluster {
  readonly #endpoints: readonly ArcEndpoint[];
  readonly #random: Random;
  readonly #clients = new Map<string, Route53RecoveryClusterClient>();

  constructor(options: { endpoints: readonly ArcEndpoint[]; random: Random }) {
    this.#endpoints = options.endpoints;
    this.#random = options.random;
  }

  /** Returns the states of all controls, from one endpoint. */
  states(controls: readonly string[]): Promise<ReadonlyMap<string, RoutingControlState>> {
    return this.#call(async ({ sdk, client }) => {
      const answers = await Promise.all(
        controls.map((RoutingControlArn) =>
          client.send(new sdk.GetRoutingControlStateCommand({ RoutingControlArn })),
        ),
      );
      return new Map(
        answers.map(({ RoutingControlState: state }, index) => {
          if (state === undefined) throw new Error('an answer without a state');
          return [controls[index] ?? '', state];
        }),
      );
    });
  }

  /** Sets all states in one call: all or nothing. Safe to repeat. */
  set(states: readonly ControlState[]): Promise<void> {
    return this.#call(async ({ sdk, client }) => {
      await client.send(
        new sdk.UpdateRoutingControlStatesCommand({
          UpdateRoutingControlStateEntries: states.map(({ control, state }) => ({
            RoutingControlArn: control,
            RoutingControlState: state,
          })),
        }),
      );
    });
  }

  async #call<T>(
    work: (api: { sdk: Sdk; client: Route53RecoveryClusterClient }) => Promise<T>,
  ): Promise<T> {
    const sdk = await import('@aws-sdk/client-route53-recovery-cluster');
    const failures: string[] = [];
    for (const endpoint of this.#shuffled()) {
      try {
        return await work({ sdk, client: this.#client(sdk, endpoint) });
      } catch (error) {
        const cause = error instanceof Error ? error : new Error(String(error));
        const words = `${cause.name}: ${cause.message}`;
        if (error instanceof sdk.ConflictException) {
          const message = `ARC: ${words}`;
          throw trafficErrors.make('dns-safety-rule', message, { endpoint: endpoint.url }, error);
        }
        if (isAnswer(sdk, cause)) {
          const message = `ARC: ${words}`;
          throw trafficErrors.make('dns-refused', message, { endpoint: endpoint.url }, error);
        }
        failures.push(`${endpoint.awsRegion}: ${words}`);
      }
    }
    const message = `none of the cluster's endpoints answers: ${failures.join('; ')}`;
    throw trafficErrors.make('dns-unreachable', message, { failures });
  }

  #client(sdk: Sdk, { url, awsRegion }: ArcEndpoint): Route53RecoveryClusterClient {
    const known = this.#clients.get(url);
    if (known !== undefined) return known;
    const client = new sdk.Route53RecoveryClusterClient({
      region: awsRegion,
      endpoint: url,
      // No retries by the SDK: the next try is the next endpoint.
      maxAttempts: 1,
      requestHandler: {
        connectionTimeout: connectTimeoutMs,
        requestTimeout: requestTimeoutMs,
        throwOnRequestTimeout: true,
      },
    });
    this.#clients.set(url, client);
    return client;
  }

  #shuffled(): readonly ArcEndpoint[] {
    const left = [...this.#endpoints];
    return this.#endpoints.flatMap(() => left.splice(this.#random.integer(left.length), 1));
  }
}

/** Whether ARC itself refused, so that another endpoint would refuse too. */
function isAnswer(sdk: Sdk, error: Error): boolean {
  if (!(error instanceof sdk.Route53RecoveryClusterServiceException)) return false;
  const busy =
    error instanceof sdk.ThrottlingException ||
    error instanceof sdk.EndpointTemporarilyUnavailableException ||
    error instanceof sdk.InternalServerException;
  const status = error.$metadata.httpStatusCode ?? 500;
  return !busy && status >= 400 && status < 500;
}
