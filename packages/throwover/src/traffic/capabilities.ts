/**
 * The abilities and limits of each DNS provider, with the reason. docs/dns-providers.md is
 * generated from this; the conformance suite (conformance.ts) holds the adapters to it.
 */
export interface DnsCapabilities {
  /** As `traffic.provider` and, where there is one, `traffic.routing` name it. */
  readonly title: string;
  /**
   * The API that a flip uses: changing records is control plane, changing states of health checks
   * is data plane.
   */
  readonly plane: 'control plane' | 'data plane';
  /**
   * Cloud region of the API that a flip calls; `null`: it is in no single region, or the team
   * declares it.
   */
  readonly standsIn: string | null;
  readonly where: string;
  readonly compareAndSet: Ability;
  readonly atomic: Ability;
  readonly neverEmpty: Ability;
  readonly readBack: Ability;
  readonly weights: Ability;
  readonly lowerTtl: Ability;
  readonly testedAgainst: string;
}

type Ability = { readonly how: string } | { readonly no: string };

export type DnsProviderKind =
  | 'route53-simple'
  | 'route53-weighted'
  | 'route53-failover'
  | 'arc'
  | 'rfc2136'
  | 'http';

const route53 = {
  plane: 'control plane',
  standsIn: 'us-east-1',
  where: 'us-east-1, for every zone of the world',
  compareAndSet: {
    how: 'the batch deletes record and generation as they were read; Route 53 refuses it when one of them differs',
  },
  atomic: { how: 'one ChangeResourceRecordSets batch' },
  neverEmpty: { how: 'delete and create stand in one batch' },
  readBack: { how: '`traffic.nameservers` over DNS, else the API' },
  lowerTtl: { how: 'the same batch' },
} as const;

export const dnsCapabilities: Readonly<Record<DnsProviderKind, DnsCapabilities>> = {
  'route53-simple': {
    title: '`route53`, simple',
    ...route53,
    weights: { no: 'one record set has one answer' },
    testedAgainst: 'the lab; moto; the models of the AWS SDK and of botocore',
  },
  'route53-weighted': {
    title: '`route53`, weighted',
    ...route53,
    neverEmpty: {
      how: 'one set always has weight: all weights at 0 would mean equal shares to Route 53',
    },
    weights: { how: 'all or nothing; a set keeps its identifier and its health check' },
    testedAgainst: 'the lab; moto; the models of the AWS SDK and of botocore',
  },
  'route53-failover': {
    title: '`route53`, failover',
    ...route53,
    neverEmpty: { how: 'PRIMARY and SECONDARY change places in one batch' },
    weights: {
      no: 'one of two answers; health checks of the team go on moving traffic by themselves, and do not fence',
    },
    testedAgainst: 'the lab; moto; the models of the AWS SDK and of botocore',
  },
  arc: {
    title: '`arc`',
    plane: 'data plane',
    standsIn: null,
    where: 'five regional endpoints, tried in random order; a change needs three of them',
    compareAndSet: {
      no: 'ARC takes a state without a condition: states and the epoch of the store are read right before; a controller that stalls in between can overwrite a newer change',
    },
    atomic: { how: 'one UpdateRoutingControlStates for all regions' },
    neverEmpty: { how: 'exactly one region is turned on; safety rules of ARC besides' },
    readBack: { how: '`traffic.nameservers` over DNS, else the states' },
    weights: { no: 'a routing control is On or Off' },
    lowerTtl: { no: 'ARC writes no records' },
    testedAgainst: 'a cluster on loopback that we wrote (moto has none); the model of the AWS SDK',
  },
  rfc2136: {
    title: '`rfc2136`',
    plane: 'control plane',
    standsIn: null,
    where: 'the primary name server; its secondaries go on answering without it',
    compareAndSet: {
      how: 'prerequisites: record and generation exist with exactly the values that were read (a TTL is not compared)',
    },
    atomic: { how: 'one UPDATE message (RFC 2136, 3.7), signed with TSIG' },
    neverEmpty: { how: 'delete and add stand in one message' },
    readBack: { how: '`traffic.nameservers` over DNS, else the primary' },
    weights: { no: 'DNS has none' },
    lowerTtl: { how: 'the same message' },
    testedAgainst: 'BIND, Knot and PowerDNS from Debian',
  },
  http: {
    title: '`http`',
    plane: 'control plane',
    standsIn: null,
    where: 'wherever the team runs it: name it in no region that is left',
    compareAndSet: { how: '`PUT` with `If-Match`; 412 when the record has changed' },
    atomic: { how: 'one `PUT` with record and generation' },
    neverEmpty: { how: 'an empty answer is neither sent nor believed' },
    readBack: { how: '`traffic.nameservers` over DNS, else `GET`' },
    weights: { no: 'not in the contract' },
    lowerTtl: { how: 'the same `PUT`' },
    testedAgainst: 'a server of the contract on loopback',
  },
};
