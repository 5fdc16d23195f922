import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ThrowoverError, unscaled } from '../../kernel/kernel.ts';
import { wholeFile } from '../service.fixture.ts';
import { loadService, parseService } from './load.ts';

/** The mistakes of a file as text, one row per mistake. */
function mistakesIn(text: string): readonly string[] {
  try {
    parseService(text, 'throwover.yaml');
  } catch (error) {
    if (!(error instanceof ThrowoverError)) throw error;
    expect(error.code).toBe('service-file-wrong');
    return error.message.split('\n').slice(1);
  }
  return [];
}

const changed = (from: string, to: string) => {
  expect(wholeFile).toContain(from);
  return wholeFile.replace(from, to);
};

describe('a right file', () => {
  it('comes out in milliseconds of life time, with defaults', () => {
    const service = parseService(wholeFile, 'throwover.yaml');
    expect(service).toMatchObject({
      name: 'checkout',
      objectives: { rtoMs: 300_000, rpoMs: 0 },
      timeScale: unscaled,
      traffic: { ttlMs: 60_000 },
      functions: { holdMs: 300_000 },
      database: {
        lagBoundMs: 200,
        armTimeoutMs: 120_000,
        drain: { holdMs: 2_000, openTransactionsMs: 500 },
        attachTimeoutMs: 300_000,
      },
      webhooks: { retentionMs: 259_200_000 },
    });
    expect(service.webhooks?.sources['stripe']?.secret).toEqual({
      from: 'env',
      name: 'STRIPE_WEBHOOK_SECRET',
    });
    expect(service.steps[0]).toMatchObject({ runs: ['switchover', 'failback'], timeoutMs: 30_000 });
  });

  it('needs neither functions nor webhooks nor own steps', () => {
    const short = wholeFile
      .replace(/^functions:.*\n/m, '')
      .replace(/^webhooks:[\s\S]*$/m, '')
      .replace(/^ {4}(functions|gateway):.*\n/gm, '');
    expect(parseService(short, 'throwover.yaml')).toMatchObject({ steps: [], checks: [] });
  });
});

describe('a wrong file is refused with line and column', () => {
  it.each([
    {
      name: 'an unknown key, with the one that was meant',
      from: 'lagBound: 200ms',
      to: 'lagbund: 200ms',
      says: [
        'throwover.yaml:31:3 database.lagbund: expected one of the keys provider, lagBound, armTimeout, drain, attachTimeout, writerFence, durability, lossBound, fenceDeadline, idsPerSecond, timing; did you mean lagBound?; found the unknown key lagbund',
      ],
    },
    {
      name: 'a duration without a unit',
      from: 'ttl: 60s',
      to: 'ttl: 60',
      says: [
        'throwover.yaml:26:8 traffic.ttl: expected a duration such as 500ms, 60s, 5m or 72h; found 60',
      ],
    },
    {
      name: 'a key that is missing, at its parent',
      from: '  zoneId: Z00000000000000000001\n',
      to: '',
      says: [
        'throwover.yaml:20:1 traffic.zoneId: expected the id of a hosted zone such as Z0123456789ABCDEFGHIJ; found nothing',
      ],
    },
    {
      name: 'a value that is not one of a few',
      from: 'type: A\n',
      to: 'type: MX\n',
      says: ['throwover.yaml:25:9 traffic.type: expected one of A, AAAA, CNAME; found "MX"'],
    },
    {
      name: 'a DNS provider that is not known',
      from: 'provider: route53',
      to: 'provider: gandi',
      says: [
        'throwover.yaml:21:13 traffic.provider: expected one of route53, arc, rfc2136, http; found "gandi"',
      ],
    },
    {
      name: 'a TTL to lower to that is not lower',
      from: 'ttl: 60s',
      to: 'ttl: 60s\n  lowerTtl: 60s',
      says: [
        'throwover.yaml:27:13 traffic.lowerTtl: expected 1s or more, and less than ttl; found "60s"',
      ],
    },
    {
      name: 'a TSIG secret instead of its reference, and a name outside the zone',
      from: '  provider: route53\n  endpoint: http://127.0.0.1:7620\n  zoneId: Z00000000000000000001\n',
      to: '  provider: rfc2136\n  server: 127.0.0.1:53\n  zone: example.test\n  key: { name: k, secret: c2VjcmV0 }\n',
      says: [
        'throwover.yaml:24:27 traffic.key.secret: expected a reference: env:NAME or file:PATH; found a value that is not shown',
      ],
    },
    {
      name: 'routing controls of other regions than there are',
      from: '  provider: route53\n  endpoint: http://127.0.0.1:7620\n  zoneId: Z00000000000000000001\n',
      to: "  provider: arc\n  endpoints: [{ url: 'http://127.0.0.1:1', awsRegion: us-east-1 }]\n  controls: { east: 'arn:aws:route53-recovery-control::111122223333:controlpanel/1/x', north: 'arn:aws:route53-recovery-control::111122223333:controlpanel/1/y' }\n",
      says: [
        'throwover.yaml:23:3 traffic.controls.west: expected the routing control of region west; found nothing',
        'throwover.yaml:23:88 traffic.controls.north: expected one of east, west; found "north"',
      ],
    },
    {
      name: 'a third region, and a fourth one',
      from: 'traffic:',
      to: `${['north', 'south'].map((name) => `  ${name}: { addresses: [192.0.2.9], door: { admin: 'http://127.0.9.1:1', forward: 'http://127.0.9.1:2' }, functions: { awsRegion: eu-west-1 }, database: { guard: 'http://127.0.9.1:3' }, gateway: { admin: 'http://127.0.9.1:4', deliver: 'http://127.0.9.1:5' } }\n`).join('')}traffic:`,
      says: [
        'throwover.yaml:20:3 regions.north: expected two regions, here east and west: remove north and every line that names it. A service moves between two regions; throwover does not support a third one yet; found "north"',
        'throwover.yaml:21:3 regions.south: expected two regions, here east and west: remove south and every line that names it. A service moves between two regions; throwover does not support a third one yet; found "south"',
      ],
    },
    {
      name: 'a second region whose name differs from the first in case alone',
      from: '  west:',
      to: '  East:',
      says: [
        'throwover.yaml:14:3 regions.East: expected a region name: a-z, 0-9 and -, at most 31 characters; found "East"',
      ],
    },
    {
      name: 'an active region that is not there',
      from: 'owner: payments-team',
      to: 'owner: payments-team\nactive: wets',
      says: [
        'throwover.yaml:4:9 active: expected one of east, west; did you mean west?; found "wets"',
      ],
    },
    {
      name: 'an address of another family',
      from: 'addresses: [127.0.2.1]',
      to: "addresses: ['::1']",
      says: [
        'throwover.yaml:15:17 regions.west.addresses[0]: expected an IPv4 address, because traffic.type is A; found "::1"',
      ],
    },
    {
      name: 'an empty DNS answer (A4)',
      from: 'addresses: [127.0.2.1]',
      to: 'addresses: []',
      says: [
        'throwover.yaml:15:16 regions.west.addresses: expected at least one address: an empty answer takes the service off the net; found an empty list',
      ],
    },
    {
      name: 'a region without the gateway that webhooks need',
      from: '    gateway: { admin: http://127.0.2.1:7605, deliver: http://127.0.2.1:7600 }\n',
      to: '',
      says: [
        'throwover.yaml:14:3 regions.west.gateway: expected gateway: in region west, because the service has webhooks:; found nothing',
      ],
    },
    {
      name: 'an own step with two places',
      from: 'before: fence',
      to: 'before: fence\n    after: catch-up',
      says: [
        'throwover.yaml:40:5 steps[0]: expected before: STEP or after: STEP, one of them; found both',
      ],
    },
    {
      name: 'an action of no known form',
      from: 'observe: { command: [./cron, status] }',
      to: 'observe: { shell: ./cron status }',
      says: [
        'throwover.yaml:42:14 steps[0].observe: expected { command: [program, argument, ...] } or { http: { method, url } }; found a block with shell',
      ],
    },
    {
      name: 'a mistake inside an action',
      from: 'method: POST, url: http://127.0.0.1:9/pause',
      to: 'method: SHOUT, url: http://127.0.0.1:9/pause',
      says: [
        'throwover.yaml:43:28 steps[0].act.http.method: expected one of GET, HEAD, POST, PUT, PATCH, DELETE; found "SHOUT"',
      ],
    },
    {
      name: 'one region only',
      from: /^ {2}west:\n( {4}.*\n)+/m.exec(wholeFile)?.[0] ?? 'no such text',
      to: '',
      says: ['throwover.yaml:8:3 regions: expected two regions; found a block with east'],
    },
    {
      name: 'a kind of run that is not there',
      from: 'before: fence',
      to: 'before: fence\n    runs: [switchovr]',
      says: [
        'throwover.yaml:42:12 steps[0].runs[0]: expected one of switchover, failover, failback, rejoin, flip-only; found "switchovr"',
      ],
    },
  ])('$name', ({ from, to, says }) => {
    expect(mistakesIn(changed(from, to))).toEqual(says);
  });

  it('names all mistakes at once, in the order of the file, of shape and of reference', () => {
    const text = changed('ttl: 60s', 'ttl: soon')
      .replace('owner: payments-team', 'owner: payments-team\nactive: north')
      .replace('provider: postgres', 'provider: mysql');
    expect(mistakesIn(text).map((row) => row.split(' ')[1])).toEqual([
      'active:',
      'traffic.ttl:',
      'database.provider:',
    ]);
  });

  it('never shows a secret that was written instead of a reference', () => {
    const [row] = mistakesIn(changed('env:STRIPE_WEBHOOK_SECRET', 'whsec_deadbeef'));
    expect(row).toBe(
      'throwover.yaml:38:39 webhooks.sources.stripe.secret: expected a reference: env:NAME or file:PATH; found a value that is not shown',
    );
  });

  it('says where the YAML itself is broken', () => {
    const [row] = mistakesIn(changed('[ana@example.com]', '[ana@example.com'));
    expect(row).toMatch(/^throwover\.yaml:5:1 /);
  });

  it('refuses a key that stands there twice', () => {
    const [row] = mistakesIn(changed('owner: payments-team', 'owner: a\nowner: b'));
    expect(row).toMatch(/^throwover\.yaml:4:1 .*unique/);
  });

  it('refuses an empty file', () => {
    expect(mistakesIn('')).toEqual([
      'throwover.yaml:1:1 expected a block of keys; found an empty value',
    ]);
  });
});

describe('the file on disk', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'throwover-load-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('gives its directory, where commands and secret files are', async () => {
    const path = join(directory, 'throwover.yaml');
    await writeFile(path, wholeFile);
    expect(await loadService(path)).toMatchObject({ directory, service: { name: 'checkout' } });
  });

  it('is refused when it is missing, and when it is no such file at all', async () => {
    await expect(loadService(join(directory, 'none.yaml'))).rejects.toMatchObject({
      code: 'service-file-missing',
    });
    await writeFile(join(directory, 'huge.yaml'), Buffer.alloc(1_048_577));
    await expect(loadService(join(directory, 'huge.yaml'))).rejects.toMatchObject({
      code: 'service-file-missing',
    });
  });
});
