import type { ResourceRecordSet } from '@aws-sdk/client-route-53';
import { shellWord } from '../../kernel/kernel.ts';
import type { HandWork } from '../../runbook/runbook.ts';
import type { DnsHands, DnsTarget } from '../../runs/runs.ts';
import { type DnsRecord, generationName, generationTtlSeconds } from '../../traffic/traffic.ts';
import { Route53Api, type Route53ApiOptions } from './route53-api.ts';
import { type Routing, setsFor } from './route53-sets.ts';

/**
 * Manual steps for a record in Route 53 with `aws route53`. The record sets are read now, so that
 * the printed batch contains everything about them that must stay. Throws the errors of that read:
 * `dns-unreachable`, `dns-refused`.
 */
export async function route53Hands(
  options: Route53ApiOptions & { readonly routing: Routing; readonly ttlSeconds: number },
): Promise<DnsHands> {
  const { sets } = await new Route53Api(options).look();
  const { zoneId, name, endpoint } = options;
  const aws = `aws route53${endpoint === undefined ? '' : ` --endpoint-url ${shellWord(endpoint)}`}`;
  const read = `${aws} list-resource-record-sets --hosted-zone-id ${shellWord(zoneId)} --query "ResourceRecordSets[?starts_with(Name, '${generationName(name)}')].ResourceRecords[0].Value" --output text`;
  return {
    wasWrittenFor: (epoch, region) => ({
      on: null,
      says: `See that the record was written for ${region} in epoch ${epoch}: else this runbook is an old one`,
      lines: [`${read} | grep 'epoch=${epoch} region=${region}"'`],
    }),
    point: (target) => [pointing(target, { ...options, sets, aws, read })],
  };
}

function pointing(
  { region, epoch, values }: DnsTarget,
  options: {
    readonly name: string;
    readonly type: DnsRecord['type'];
    readonly ttlSeconds: number;
    readonly zoneId: string;
    readonly routing: Routing;
    readonly sets: readonly ResourceRecordSet[];
    readonly aws: string;
    readonly read: string;
  },
): HandWork {
  const { name, type, ttlSeconds, routing, sets, aws, read, zoneId } = options;
  const next = { name, type, ttlSeconds, values, generation: { number: 0, epoch, region } };
  const upsert = (set: object) => ({ Action: 'UPSERT', ResourceRecordSet: set });
  const generation = {
    Name: generationName(name),
    Type: 'TXT',
    TTL: generationTtlSeconds,
    ResourceRecords: [{ Value: `"v1 generation=@ epoch=${epoch} region=${region}"` }],
  };
  const batch = JSON.stringify({
    Comment: `by hand: ${region}, epoch ${epoch}`,
    Changes: [...setsFor(sets, next, routing), generation].map(upsert),
  });
  return {
    on: null,
    says: `Point ${name} at ${region}, in one batch`,
    lines: [
      `N=$(${read} | sed -n 's/.*generation=\\([0-9]*\\).*/\\1/p')`,
      `BATCH=${shellWord(batch)}`,
      `ID=$(${aws} change-resource-record-sets --hosted-zone-id ${shellWord(zoneId)} --change-batch "\${BATCH/@/$((N + 1))}" --query ChangeInfo.Id --output text)`,
      `${aws} wait resource-record-sets-changed --id "$ID"`,
    ],
  };
}
