import type {
  Change,
  InvalidChangeBatch,
  ResourceRecordSet,
  Route53Client,
} from '@aws-sdk/client-route-53';
import { type DnsRecord, generationName, trafficErrors } from '../../traffic/traffic.ts';
import { isSet } from './route53-sets.ts';

/**
 * Longest time for a connection to Route 53, and for one answer, ms; AWS answers a change in about
 * 300 ms.
 */
const connectTimeoutMs = 2_000;
const requestTimeoutMs = 10_000;

/** Tries by the SDK, after throttling (5 requests/s per account), 5xx and broken connections. */
const maxAttempts = 4;

/**
 * The record and its generation are neighbours in Route 53's order, so that one page shows both at
 * the same time.
 */
const pageSize = 100;

/** Route 53 is global; the SDK needs a region for the signature. */
const signingRegion = 'us-east-1';

export interface Route53ApiOptions {
  /** Base URL of the API; default: AWS's own. Credentials come from the SDK's chain. */
  readonly endpoint?: string;
  readonly zoneId: string;
  readonly name: string;
  readonly type: DnsRecord['type'];
}

/** The two calls of the API; turns its errors into errors of throwover. */
export class Route53Api {
  readonly #options: Route53ApiOptions;
  #connected: Promise<{ sdk: Sdk; client: Route53Client }> | null = null;

  constructor(options: Route53ApiOptions) {
    this.#options = options;
  }

  /** Returns all sets of the record, and the set with the generation, if there is one. */
  async look(): Promise<{ sets: ResourceRecordSet[]; txt: ResourceRecordSet | undefined }> {
    const { name, type, zoneId } = this.#options;
    const txtName = generationName(name);
    const first = await this.#list(name, type);
    const sets = first.filter((candidate) => isSet(candidate, name, type));
    if (sets.length === 0) {
      const message = `there is no record ${name} ${type} in zone ${zoneId}`;
      throw trafficErrors.make('dns-record-missing', message, { name, type });
    }
    const isGeneration = (candidate: ResourceRecordSet) => isSet(candidate, txtName, 'TXT');
    const txt = first.find(isGeneration) ?? (await this.#list(txtName, 'TXT')).find(isGeneration);
    return { sets, txt };
  }

  /** Returns `null` if the batch was made, or the refusal if Route 53 made no part of it. */
  async change(comment: string, changes: Change[]): Promise<InvalidChangeBatch | null> {
    return this.#call(async ({ sdk, client }) => {
      try {
        await client.send(
          new sdk.ChangeResourceRecordSetsCommand({
            HostedZoneId: this.#options.zoneId,
            ChangeBatch: { Comment: `throwover: ${comment}`, Changes: changes },
          }),
        );
        return null;
      } catch (error) {
        if (error instanceof sdk.InvalidChangeBatch) return error;
        throw error;
      }
    });
  }

  #list(name: string, type: DnsRecord['type'] | 'TXT'): Promise<ResourceRecordSet[]> {
    return this.#call(async ({ sdk, client }) => {
      const { ResourceRecordSets } = await client.send(
        new sdk.ListResourceRecordSetsCommand({
          HostedZoneId: this.#options.zoneId,
          StartRecordName: name,
          StartRecordType: type,
          MaxItems: pageSize,
        }),
      );
      return ResourceRecordSets ?? [];
    });
  }

  async #call<T>(work: (api: { sdk: Sdk; client: Route53Client }) => Promise<T>): Promise<T> {
    this.#connected ??= connect(this.#options.endpoint);
    const api = await this.#connected;
    try {
      return await work(api);
    } catch (error) {
      const where = this.#options.endpoint ?? 'Route 53';
      const cause = error instanceof Error ? error : new Error(String(error));
      const message = `${where}: ${cause.name}: ${cause.message}`;
      const code = isAnswer(api.sdk, cause) ? 'dns-refused' : 'dns-unreachable';
      throw trafficErrors.make(code, message, { zoneId: this.#options.zoneId }, cause);
    }
  }
}

type Sdk = typeof import('@aws-sdk/client-route-53');

/** Loaded at the first use, so that a service with another provider does not load it. */
async function connect(endpoint: string | undefined): Promise<{ sdk: Sdk; client: Route53Client }> {
  const sdk = await import('@aws-sdk/client-route-53');
  const client = new sdk.Route53Client({
    region: signingRegion,
    maxAttempts,
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
    },
    ...(endpoint !== undefined && { endpoint }),
  });
  return { sdk, client };
}

/**
 * Whether Route 53 itself refused, so that it would refuse again. Throttling and failures of Route
 * 53 do not count.
 */
function isAnswer(sdk: Sdk, error: Error): boolean {
  if (!(error instanceof sdk.Route53ServiceException)) return false;
  const status = error.$metadata.httpStatusCode ?? 500;
  const busy = error.name === 'PriorRequestNotComplete' || error.name.startsWith('Throttl');
  return status >= 400 && status < 500 && status !== 429 && !busy;
}
