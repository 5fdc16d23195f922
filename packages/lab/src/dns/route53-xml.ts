import { XMLBuilder, XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { type Change, canonicalName, type RecordSet, recordTypes, type Zone } from './zone.ts';

/** The REST-XML of Route 53's API of 2013-04-01, in both directions. */
const namespace = 'https://route53.amazonaws.com/doc/2013-04-01/';

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: true,
  isArray: (name) => name === 'Change' || name === 'ResourceRecord',
});
const builder = new XMLBuilder({ ignoreAttributes: false, suppressEmptyNode: false });

/** An error answer of Route 53: its code and message, with an HTTP status. */
export class Route53Error extends Error {
  readonly status: 400 | 404 | 409;
  readonly code: string;

  constructor(status: 400 | 404 | 409, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function xmlDocument(root: string, content: object): string {
  const body = builder.build({ [root]: { '@_xmlns': namespace, ...content } });
  return `<?xml version="1.0"?>\n${body}`;
}

export function errorDocument(error: Route53Error, requestId: string): string {
  return xmlDocument('ErrorResponse', {
    Error: {
      Type: 'Sender',
      Code: error.code,
      Message: error.message,
    },
    RequestId: requestId,
  });
}

/** Longest TTL that Route 53 accepts, s. */
const maxTtl = 2_147_483_647;

const changeSchema = z.object({
  Action: z.enum(['CREATE', 'DELETE', 'UPSERT']),
  ResourceRecordSet: z.object({
    Name: z.string().min(1).max(1024),
    Type: z.enum(recordTypes, { error: `the lab serves ${recordTypes.join(', ')} only` }),
    TTL: z.coerce.number().int().min(0).max(maxTtl),
    ResourceRecords: z.object({
      ResourceRecord: z.array(z.object({ Value: z.string().max(4000) })).min(1),
    }),
    SetIdentifier: z.string().min(1).max(128).optional(),
    Weight: z.coerce.number().int().min(0).max(255).optional(),
    Failover: z.enum(['PRIMARY', 'SECONDARY']).optional(),
    ...Object.fromEntries(
      ['Region', 'GeoLocation', 'MultiValueAnswer', 'HealthCheckId'].map((policy) => [
        policy,
        z.undefined({ error: `the lab has no ${policy}` }).optional(),
      ]),
    ),
    AliasTarget: z.undefined({ error: 'the lab has no alias records' }).optional(),
  }),
});

const batchSchema = z.object({
  ChangeResourceRecordSetsRequest: z.object({
    ChangeBatch: z.object({
      Comment: z.string().max(256).optional(),
      Changes: z.object({ Change: z.array(changeSchema).min(1).max(1000) }),
    }),
  }),
});

const createZoneSchema = z.object({
  CreateHostedZoneRequest: z.object({
    Name: z.string().min(1).max(1024),
    CallerReference: z.string().min(1).max(128),
  }),
});

export function parseChanges(xml: string): { changes: Change[]; comment: string | undefined } {
  const { ChangeBatch } = parse(xml, batchSchema).ChangeResourceRecordSetsRequest;
  const changes = ChangeBatch.Changes.Change.map(
    ({ Action, ResourceRecordSet: set }): Change => ({
      action: Action,
      set: {
        name: canonicalName(set.Name),
        type: set.Type,
        ttl: set.TTL,
        values: set.ResourceRecords.ResourceRecord.map(({ Value }) => Value),
        ...policyOf(set),
      },
    }),
  );
  return { changes, comment: ChangeBatch.Comment };
}

function policyOf(set: {
  SetIdentifier?: string | undefined;
  Weight?: number | undefined;
  Failover?: 'PRIMARY' | 'SECONDARY' | undefined;
}): Pick<RecordSet, 'policy'> {
  const { SetIdentifier: identifier, Weight: weight, Failover: failover } = set;
  const given = [identifier, weight ?? failover].filter((value) => value !== undefined).length;
  if (given === 0) return {};
  if (identifier !== undefined && weight !== undefined && failover === undefined) {
    return { policy: { identifier, weight } };
  }
  if (identifier !== undefined && failover !== undefined && weight === undefined) {
    return { policy: { identifier, failover } };
  }
  const expected = 'Expected exactly one of [Weight, Failover] with a SetIdentifier';
  throw new Route53Error(400, 'InvalidInput', `Invalid request: ${expected}`);
}

export function parseCreateZone(xml: string): { name: string; callerReference: string } {
  const { Name, CallerReference } = parse(xml, createZoneSchema).CreateHostedZoneRequest;
  return { name: canonicalName(Name), callerReference: CallerReference };
}

function parse<T>(xml: string, schema: z.ZodType<T>): T {
  let document: unknown;
  try {
    document = parser.parse(xml, true);
  } catch (error) {
    const message = `The XML that you provided is not well formed: ${error}`;
    throw new Route53Error(400, 'MalformedXML', message);
  }
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  const words = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new Route53Error(400, 'InvalidInput', `Invalid XML ; ${words.join('; ')}`);
}

export function recordSetXml({ name, type, ttl, values, policy }: RecordSet): object {
  return {
    Name: `${escapeName(name)}.`,
    Type: type,
    ...(policy && {
      SetIdentifier: policy.identifier,
      ...('weight' in policy ? { Weight: policy.weight } : { Failover: policy.failover }),
    }),
    TTL: ttl,
    ResourceRecords: { ResourceRecord: values.map((Value) => ({ Value })) },
  };
}

/** Route 53 writes every character except a-z, 0-9, `-`, `_`, `.` in octal: `\052` is `*`. */
function escapeName(name: string): string {
  return name.replace(
    /[^a-z0-9._-]/g,
    (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
}

export function hostedZoneXml(zone: Zone): object {
  return {
    Id: `/hostedzone/${zone.id}`,
    Name: `${zone.name}.`,
    CallerReference: zone.callerReference,
    Config: { PrivateZone: false },
    ResourceRecordSetCount: zone.list().length,
  };
}

export function delegationXml(zone: Zone): object {
  const names = zone.get(zone.name, 'NS')?.values ?? [];
  return { NameServers: { NameServer: names.map((name) => name.replace(/\.$/, '')) } };
}
