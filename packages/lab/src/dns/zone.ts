import { isIPv4, isIPv6 } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { choose, conflictOf, type Policy } from './routing.ts';
import { fatal, parseTxt } from './txt.ts';

/**
 * One hosted zone: record sets, changed in batches that are applied completely or not at all, with
 * Route 53's messages. Names are lower case without the final dot; TTLs are life seconds.
 */
export const recordTypes = ['A', 'AAAA', 'CNAME', 'NS', 'SOA', 'TXT'] as const;
export type RecordType = (typeof recordTypes)[number];

export interface RecordSet {
  readonly name: string;
  readonly type: RecordType;
  readonly ttl: number;
  /** In presentation form, as the API shows them. */
  readonly values: readonly string[];
  /** Left out for the only set of its name and type. */
  readonly policy?: Policy;
}

export interface Change {
  readonly action: 'CREATE' | 'DELETE' | 'UPSERT';
  readonly set: RecordSet;
}

/** TTLs of the sets that every zone has, s, as in Route 53. */
const nsTtl = 172_800;
const soaTtl = 900;
/**
 * Refresh, retry, expire, and the time for which "no such name" may be cached, s: as in Route 53,
 * except for the last (86,400 there, and a trap).
 */
const soaTimers = '7200 900 1209600 60';

export class Zone {
  readonly id: string;
  readonly name: string;
  readonly callerReference: string;
  #sets: ReadonlyMap<string, RecordSet>;
  #serial: number;
  #turn = 0;

  constructor(options: {
    id: string;
    name: string;
    callerReference: string;
    records: readonly RecordSet[];
    /** First serial; a restarted server must begin above its last one. */
    serial: number;
  }) {
    this.id = options.id;
    this.name = canonicalName(options.name);
    this.callerReference = options.callerReference;
    this.#serial = options.serial;
    const primary = `ns1.${this.name}`;
    const apex: RecordSet[] = [
      { name: this.name, type: 'NS', ttl: nsTtl, values: [`${primary}.`] },
      {
        name: this.name,
        type: 'SOA',
        ttl: soaTtl,
        values: [`${primary}. hostmaster.${this.name}. 1 ${soaTimers}`],
      },
    ];
    this.#sets = new Map(apex.map((set) => [keyOf(set), set]));
    const problems = this.change(options.records.map((set) => ({ action: 'CREATE', set })));
    if (problems.length > 0) throw new RangeError(`zone ${this.name}: ${problems.join('; ')}`);
  }

  /**
   * The serial in DNS answers, which grows with every change; the API shows 1, as Route 53's does.
   */
  get serial(): number {
    return this.#serial;
  }

  /** Returns the set that answers now: the only one, or the one chosen by its routing policy. */
  get(name: string, type: RecordType): RecordSet | undefined {
    const plain = this.#sets.get(keyOf({ name, type }));
    if (plain !== undefined) return plain;
    const sets = [...this.#sets.values()].filter((set) => set.name === name && set.type === type);
    if (sets.length > 1) this.#turn += 1;
    return choose(sets, this.#turn);
  }

  /** Returns true for a name with records, and for a name that only has names below it. */
  has(name: string): boolean {
    for (const set of this.#sets.values()) {
      if (set.name === name || set.name.endsWith(`.${name}`)) return true;
    }
    return false;
  }

  covers(name: string): boolean {
    return name === this.name || name.endsWith(`.${this.name}`);
  }

  /** Returns the sets in Route 53's order: labels from the right, then type. */
  list(): readonly RecordSet[] {
    return [...this.#sets.values()].sort(compareSets);
  }

  /** Applies all changes and returns an empty list, or applies none and returns the problems. */
  change(changes: readonly Change[]): readonly string[] {
    const draft = new Map(this.#sets);
    const problems = changes.flatMap((change) => this.#apply(draft, change));
    problems.push(...this.#wholeness(draft), ...policyProblems(draft));
    if (problems.length > 0) return problems;
    this.#sets = draft;
    this.#serial = (this.#serial + 1) >>> 0;
    return [];
  }

  #apply(draft: Map<string, RecordSet>, { action, set }: Change): string[] {
    const wrong = this.#wrongWith(set);
    if (wrong.length > 0) return wrong;
    const now = draft.get(keyOf(set));
    const identified = set.policy ? `, set identifier='${set.policy.identifier}'` : '';
    const named = `resource record set [name='${set.name}.', type='${set.type}'${identified}]`;
    if (action === 'DELETE') {
      if (now === undefined) return [`Tried to delete ${named} but it was not found`];
      if (!sameSet(now, set)) {
        return [`Tried to delete ${named} but the values provided do not match the current values`];
      }
      draft.delete(keyOf(set));
      return [];
    }
    if (action === 'CREATE' && now !== undefined)
      return [`Tried to create ${named} but it already exists`];
    const conflict = this.#conflict(draft, set);
    if (conflict !== null) return [conflict];
    draft.set(keyOf(set), set);
    return [];
  }

  #wrongWith({ name, type, values }: RecordSet): string[] {
    if (!this.covers(name))
      return [`RRSet with DNS name ${name}. is not permitted in zone ${this.name}.`];
    if (new Set(values).size < values.length) return [`Duplicate Resource Record: '${values[0]}'`];
    return values.flatMap((value) => {
      const problem = problemWith(type, value);
      return problem === null ? [] : [`Invalid Resource Record: '${problem}'`];
    });
  }

  #conflict(draft: ReadonlyMap<string, RecordSet>, { name, type }: RecordSet): string | null {
    if (type === 'CNAME' && name === this.name) {
      return `RRSet of type CNAME with DNS name ${name}. is not permitted at apex in zone ${this.name}.`;
    }
    const others = [...draft.values()].filter((set) => set.name === name && set.type !== type);
    if (type === 'CNAME' && others.length > 0) {
      return `RRSet of type CNAME with DNS name ${name}. is not permitted as it conflicts with other records with the same DNS name in zone ${this.name}.`;
    }
    if (others.some((set) => set.type === 'CNAME')) {
      return `RRSet of type ${type} with DNS name ${name}. is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone ${this.name}.`;
    }
    return null;
  }

  #wholeness(draft: ReadonlyMap<string, RecordSet>): string[] {
    const problems: string[] = [];
    if (!draft.has(keyOf({ name: this.name, type: 'SOA' }))) {
      problems.push('A HostedZone must contain exactly one SOA record.');
    }
    if (!draft.has(keyOf({ name: this.name, type: 'NS' }))) {
      problems.push('A HostedZone must contain at least one NS record for the zone itself.');
    }
    return problems;
  }
}

/** Returns the name in lower case, without the final dot. */
export function canonicalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/**
 * Compares in Route 53's order: `example.test` before `a.example.test` before `b.example.test`,
 * then by type, then by identifier.
 */
export function compareSets(
  a: Pick<RecordSet, 'name' | 'policy'> & { type: string },
  b: Pick<RecordSet, 'name' | 'policy'> & { type: string },
): number {
  const [left, right] = [sortKey(a.name), sortKey(b.name)];
  if (left !== right) return left < right ? -1 : 1;
  if (a.type !== b.type) return a.type < b.type ? -1 : 1;
  const [one = '', other = ''] = [a.policy?.identifier, b.policy?.identifier];
  return one < other ? -1 : one > other ? 1 : 0;
}

function sortKey(name: string): string {
  return `${name.split('.').reverse().join('.')}.`;
}

function keyOf({ name, type, policy }: Pick<RecordSet, 'name' | 'type' | 'policy'>): string {
  return policy === undefined ? `${name} ${type}` : `${name} ${type} ${policy.identifier}`;
}

/** Returns problems of sets of one name and type that could not exist together after the batch. */
function policyProblems(draft: ReadonlyMap<string, RecordSet>): string[] {
  const routed = [...draft.values()].filter(({ policy }) => policy !== undefined);
  const places = new Map(routed.map((set) => [`${set.name} ${set.type}`, set]));
  return [...places.values()].flatMap(({ name, type }) => {
    const conflict = conflictOf(
      [...draft.values()].filter((set) => set.name === name && set.type === type),
    );
    return conflict === null ? [] : [`RRSet with DNS name ${name}., type ${type}: ${conflict}`];
  });
}

function sameSet(a: RecordSet, b: RecordSet): boolean {
  if (!isDeepStrictEqual(a.policy, b.policy)) return false;
  return a.ttl === b.ttl && [...a.values].sort().join('\n') === [...b.values].sort().join('\n');
}

function problemWith(type: RecordType, value: string): string | null {
  if (type === 'TXT') {
    const parsed = parseTxt(value);
    return 'problem' in parsed ? parsed.problem : null;
  }
  const { fits, name, what } = valueRules[type];
  return fits(value) ? null : fatal(name, `Value is not a valid ${what}`, value);
}

const domainName = {
  fits: (value: string) => /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?$/i.test(value),
  name: 'DomainLabelEmpty',
  what: 'domain name',
};

/** How values of each type are checked, and what Route 53 says when one is wrong. */
const valueRules = {
  A: { fits: isIPv4, name: 'ARRDATAIllegalIPv4Address', what: 'IPv4 address' },
  AAAA: { fits: isIPv6, name: 'AAAARRDATAIllegalIPv6Address', what: 'IPv6 address' },
  CNAME: domainName,
  NS: domainName,
  SOA: {
    fits: (value: string) => /^\S+ \S+( \d{1,10}){5}$/.test(value),
    name: 'SOARRDATAIllegalFormat',
    what: 'SOA record',
  },
};
