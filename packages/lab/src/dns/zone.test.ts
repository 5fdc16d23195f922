import { describe, expect, test } from 'vitest';
import { type Change, type RecordSet, Zone } from './zone.ts';

const a = (name: string, ...values: string[]): RecordSet => ({ name, type: 'A', ttl: 60, values });
const one = (action: Change['action'], set: RecordSet): Change[] => [{ action, set }];

function zoneWith(...records: RecordSet[]): Zone {
  return new Zone({ id: 'Z1', name: 'example.test', callerReference: 'r', records, serial: 1 });
}

describe("a batch is judged in Route 53's words", () => {
  const zone = zoneWith(a('x.example.test', '10.0.0.1', '10.0.0.2'));
  const named = "resource record set [name='x.example.test.', type='A']";
  const cases: [string, Change[], string][] = [
    [
      'CREATE of an existing',
      one('CREATE', a('x.example.test', '10.0.0.9')),
      `Tried to create ${named} but it already exists`,
    ],
    [
      'DELETE with other values',
      one('DELETE', a('x.example.test', '10.0.0.1')),
      `Tried to delete ${named} but the values provided do not match the current values`,
    ],
    [
      'DELETE with another TTL',
      one('DELETE', { ...a('x.example.test', '10.0.0.1', '10.0.0.2'), ttl: 61 }),
      `Tried to delete ${named} but the values provided do not match the current values`,
    ],
    [
      'DELETE of an absent',
      one('DELETE', a('y.example.test', '10.0.0.1')),
      "Tried to delete resource record set [name='y.example.test.', type='A'] but it was not found",
    ],
    [
      'a name outside',
      one('CREATE', a('x.other.test', '10.0.0.1')),
      'RRSet with DNS name x.other.test. is not permitted in zone example.test.',
    ],
    [
      'an alias beside an address',
      one('CREATE', { ...a('x.example.test', 'y.example.test'), type: 'CNAME' }),
      'RRSet of type CNAME with DNS name x.example.test. is not permitted as it conflicts with other records with the same DNS name in zone example.test.',
    ],
    [
      'a wrong address',
      one('CREATE', a('y.example.test', '10.0.0.256')),
      "Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with '10.0.0.256''",
    ],
    [
      'a TXT without quotes',
      one('CREATE', { ...a('t.example.test', 'free'), type: 'TXT' }),
      "Invalid Resource Record: 'FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks) encountered with 'free''",
    ],
  ];
  test.each(cases)('%s', (_, changes, words) => {
    const before = zone.list();
    expect(zone.change(changes)).toEqual([words]);
    expect(zone.list()).toEqual(before);
    expect(zone.serial).toBe(2);
  });
});

test('a batch is made as a whole or not at all', () => {
  const zone = zoneWith(a('x.example.test', '10.0.0.1'));
  const changes: Change[] = [
    ...one('DELETE', a('x.example.test', '10.0.0.1')),
    ...one('CREATE', a('x.example.test', '10.0.0.2')),
    ...one('DELETE', a('absent.example.test', '10.0.0.1')),
  ];
  expect(zone.change(changes)).toHaveLength(1);
  expect(zone.get('x.example.test', 'A')?.values).toEqual(['10.0.0.1']);
  expect(zone.change(changes.slice(0, 2))).toEqual([]);
  expect(zone.get('x.example.test', 'A')?.values).toEqual(['10.0.0.2']);
});

test('the order of values does not matter to DELETE', () => {
  const zone = zoneWith(a('x.example.test', '10.0.0.1', '10.0.0.2'));
  expect(zone.change(one('DELETE', a('x.example.test', '10.0.0.2', '10.0.0.1')))).toEqual([]);
});

test("the zone's own SOA and NS stay", () => {
  const zone = zoneWith();
  const soa = zone.get('example.test', 'SOA');
  expect(soa && zone.change(one('DELETE', soa))).toEqual([
    'A HostedZone must contain exactly one SOA record.',
  ]);
});

test("sets are listed in Route 53's order", () => {
  const zone = zoneWith(
    a('b.example.test', '10.0.0.1'),
    { ...a('_x.a.example.test', '"v"'), type: 'TXT' },
    a('a.example.test', '10.0.0.1'),
    { ...a('a.example.test', '::1'), type: 'AAAA' },
  );
  expect(zone.list().map(({ name, type }) => `${name} ${type}`)).toEqual([
    'example.test NS',
    'example.test SOA',
    'a.example.test A',
    'a.example.test AAAA',
    '_x.a.example.test TXT',
    'b.example.test A',
  ]);
});

describe('routing policies', () => {
  const weighted = (identifier: string, weight: number): RecordSet => ({
    ...a('w.example.test', `10.0.0.${weight}`),
    policy: { identifier, weight },
  });

  test('answers come close to the weights, and a weight of 0 never answers', () => {
    const zone = zoneWith(weighted('one', 3), weighted('two', 1), weighted('none', 0));
    const answers = Array.from({ length: 400 }, () => zone.get('w.example.test', 'A')?.values[0]);
    const share = (value: string) => answers.filter((given) => given === value).length / 400;
    expect(share('10.0.0.3')).toBeCloseTo(0.75, 1);
    expect(share('10.0.0.1')).toBeCloseTo(0.25, 1);
    expect(share('10.0.0.0')).toBe(0);
  });

  test('the PRIMARY answers', () => {
    const role = (identifier: string, failover: 'PRIMARY' | 'SECONDARY'): RecordSet => ({
      ...a('f.example.test', failover === 'PRIMARY' ? '10.0.0.1' : '10.0.0.2'),
      policy: { identifier, failover },
    });
    const zone = zoneWith(role('b', 'SECONDARY'), role('a', 'PRIMARY'));
    expect(zone.get('f.example.test', 'A')?.values).toEqual(['10.0.0.1']);
    expect(zone.change(one('CREATE', role('c', 'PRIMARY')))).toEqual([
      expect.stringContaining('one PRIMARY'),
    ]);
  });

  test('a plain set and a weighted one do not stand beside each other; another weight is another set', () => {
    const zone = zoneWith(weighted('one', 1));
    expect(zone.change(one('CREATE', a('w.example.test', '10.0.0.9')))).toHaveLength(1);
    expect(zone.change(one('DELETE', weighted('one', 2)))).toEqual([
      expect.stringContaining("set identifier='one'] but the values provided do not match"),
    ]);
    expect(zone.change(one('DELETE', weighted('one', 1)))).toEqual([]);
  });
});
