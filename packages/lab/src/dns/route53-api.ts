import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { type Clock, isoTime, type Random } from 'throwover/kernel';
import {
  delegationXml,
  errorDocument,
  hostedZoneXml,
  parseChanges,
  parseCreateZone,
  Route53Error,
  recordSetXml,
  xmlDocument,
} from './route53-xml.ts';
import { canonicalName, compareSets, Zone } from './zone.ts';

/** Most items on a page: the limit of Route 53. */
const maxPage = 300;
const maxZonePage = 100;

/**
 * Route 53 takes 1,000 changes of 32,000 characters in all; with XML around them this is enough.
 */
const maxBodyBytes = 2 * 1024 * 1024;

/** Number of changes that GetChange remembers. */
const rememberedChanges = 1_000;

/**
 * The part of the Route 53 HTTP API (2013-04-01) that a failover needs. Signatures (SigV4) are
 * accepted without a check: everything here listens on loopback.
 *
 * A batch is parsed, checked and applied synchronously, so two concurrent batches are applied one
 * after the other. A change is served over DNS when it is answered; the answer says PENDING, as
 * AWS's always does, and GetChange says INSYNC.
 */
export function route53Api(options: {
  zones: Map<string, Zone>;
  clock: Clock;
  random: Random;
  log: (event: object) => void;
}): Hono {
  const { zones, clock, random, log } = options;
  const changes = new Map<string, { Id: string; SubmittedAt: string; Comment?: string }>();
  const now = () => isoTime(clock.wallMs());
  const newId = (prefix: string) =>
    prefix +
    Array.from({ length: 20 }, () => random.integer(36).toString(36).toUpperCase()).join('');

  function zoneBy(id: string): Zone {
    const zone = zones.get(id);
    if (zone) return zone;
    throw new Route53Error(404, 'NoSuchHostedZone', `No hosted zone found with ID: ${id}`);
  }

  function submit(comment?: string) {
    const change = {
      Id: `/change/${newId('C')}`,
      SubmittedAt: now(),
      ...(comment !== undefined && { Comment: comment }),
    };
    changes.set(change.Id, change);
    const [oldest] = changes.keys();
    if (changes.size > rememberedChanges && oldest !== undefined) changes.delete(oldest);
    return { ...change, Status: 'PENDING' };
  }

  const app = new Hono().basePath('/2013-04-01');
  app.use(bodyLimit({ maxSize: maxBodyBytes }));
  app.use(async (c, next) => {
    await next();
    c.header('content-type', 'text/xml');
    c.header('x-amzn-requestid', newId('R'));
  });

  // The SDKs use `/rrset/` and `/rrset` for the same operation.
  for (const path of ['/hostedzone/:id/rrset', '/hostedzone/:id/rrset/'] as const) {
    app.post(path, async (c) => {
      const zone = zoneBy(c.req.param('id'));
      const batch = parseChanges(await c.req.text());
      const problems = zone.change(batch.changes);
      log({
        event: 'change',
        zone: zone.name,
        serial: zone.serial,
        changes: batch.changes,
        problems,
      });
      if (problems.length > 0) {
        throw new Route53Error(400, 'InvalidChangeBatch', `[${problems.join(', ')}]`);
      }
      return c.body(
        xmlDocument('ChangeResourceRecordSetsResponse', { ChangeInfo: submit(batch.comment) }),
      );
    });
    app.get(path, (c) =>
      c.body(listRecordSets(zoneBy(c.req.param('id')), (name) => c.req.query(name))),
    );
  }
  app.get('/change/:id', (c) => {
    const change = changes.get(`/change/${c.req.param('id')}`);
    if (!change) {
      const message = 'A change with the specified change ID does not exist.';
      throw new Route53Error(404, 'NoSuchChange', message);
    }
    return c.body(
      xmlDocument('GetChangeResponse', { ChangeInfo: { ...change, Status: 'INSYNC' } }),
    );
  });
  app.get('/hostedzone/:id', (c) => {
    const zone = zoneBy(c.req.param('id'));
    return c.body(
      xmlDocument('GetHostedZoneResponse', {
        HostedZone: hostedZoneXml(zone),
        DelegationSet: delegationXml(zone),
      }),
    );
  });
  app.get('/hostedzone', (c) => {
    const marker = c.req.query('marker');
    const from = [...zones.values()].slice(startAt([...zones.keys()], marker));
    const { next, page } = zonePage(from, c.req.query('maxitems'));
    const more = { Marker: marker ?? '', ...(next && { NextMarker: next.id }) };
    return c.body(xmlDocument('ListHostedZonesResponse', { ...page, ...more }));
  });
  app.get('/hostedzonesbyname', (c) => {
    const first = { name: canonicalName(c.req.query('dnsname') ?? ''), type: '' };
    const sorted = [...zones.values()].sort((a, b) =>
      compareSets({ name: a.name, type: a.id }, { name: b.name, type: b.id }),
    );
    const from = sorted.filter((zone) => compareSets({ name: zone.name, type: '~' }, first) >= 0);
    const { next, page } = zonePage(from, c.req.query('maxitems'));
    const more = next && { NextDNSName: `${next.name}.`, NextHostedZoneId: next.id };
    return c.body(xmlDocument('ListHostedZonesByNameResponse', { ...page, ...more }));
  });
  app.post('/hostedzone', async (c) => {
    const { name, callerReference } = parseCreateZone(await c.req.text());
    if ([...zones.values()].some((zone) => zone.callerReference === callerReference)) {
      const message = `A hosted zone has already been created with the specified caller reference.`;
      throw new Route53Error(409, 'HostedZoneAlreadyExists', message);
    }
    const serial = firstSerial(clock);
    const zone = new Zone({ id: newId('Z'), name, callerReference, records: [], serial });
    zones.set(zone.id, zone);
    c.header('location', `/2013-04-01/hostedzone/${zone.id}`);
    return c.body(
      xmlDocument('CreateHostedZoneResponse', {
        HostedZone: hostedZoneXml(zone),
        ChangeInfo: submit(),
        DelegationSet: delegationXml(zone),
      }),
      201,
    );
  });
  app.notFound((c) => {
    const words = `the lab has no ${c.req.method} ${c.req.path}`;
    return c.body(errorDocument(new Route53Error(404, 'InvalidAction', words), newId('R')), 404);
  });
  app.onError((error, c) => {
    if (error instanceof Route53Error)
      return c.body(errorDocument(error, newId('R')), error.status);
    log({ event: 'failed', path: c.req.path, error: String(error.stack) });
    return c.body(
      xmlDocument('ErrorResponse', {
        Error: { Type: 'Receiver', Code: 'InternalFailure', Message: error.message },
      }),
      500,
    );
  });
  return app;
}

/**
 * Returns the seconds since 1970, so that serials grow across restarts although zones are in
 * memory.
 */
export function firstSerial(clock: Clock): number {
  return Math.floor(clock.wallMs() / 1000);
}

/** Returns a page of a list of zones, and the zone with which the next page begins. */
function zonePage(from: readonly Zone[], maxItems: string | undefined) {
  const max = pageSize(maxItems, maxZonePage);
  const next = from[max];
  const HostedZones = { HostedZone: from.slice(0, max).map(hostedZoneXml) };
  return { next, page: { HostedZones, IsTruncated: next !== undefined, MaxItems: max } };
}

function listRecordSets(zone: Zone, query: (name: string) => string | undefined): string {
  const max = pageSize(query('maxitems'), maxPage);
  const [name, type] = [query('name'), query('type')];
  if (type !== undefined && name === undefined) {
    const rule = 'must specify a start record name if it specifies a start record type';
    throw new Route53Error(400, 'InvalidInput', `The request ${rule}.`);
  }
  const identifier = query('identifier');
  const start = {
    name: canonicalName(name ?? ''),
    type: type ?? '',
    ...(identifier !== undefined && { policy: { identifier, weight: 0 } }),
  };
  const from = zone.list().filter((set) => name === undefined || compareSets(set, start) >= 0);
  const next = from[max];
  return xmlDocument('ListResourceRecordSetsResponse', {
    ResourceRecordSets: { ResourceRecordSet: from.slice(0, max).map(recordSetXml) },
    IsTruncated: next !== undefined,
    ...(next && {
      NextRecordName: `${next.name}.`,
      NextRecordType: next.type,
      ...(next.policy && { NextRecordIdentifier: next.policy.identifier }),
    }),
    MaxItems: max,
  });
}

function pageSize(text: string | undefined, most: number): number {
  const size = text === undefined ? most : Number(text);
  if (Number.isInteger(size) && size >= 1) return Math.min(size, most);
  throw new Route53Error(400, 'InvalidInput', `The specified maxitems value is not valid: ${text}`);
}

function startAt(ids: readonly string[], marker: string | undefined): number {
  return marker === undefined ? 0 : Math.max(0, ids.indexOf(marker));
}
