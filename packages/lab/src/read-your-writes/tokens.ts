import { headers } from '@throwover/client';
import type { Random } from 'throwover/kernel';
import { type Endpoint, urlOf } from 'throwover/kernel';
import { readSeenHeader, readSeenOf } from '../checkout/read-seen.ts';
import type { ClientRecord } from '../clients/own-reads.ts';
import { drawn } from '../clients/pace.ts';
import { until } from '../world/json.ts';
import { type LabMap, otherRegion, type RegionName } from '../world/map.ts';
import type { Said, Shown } from './judge.ts';

/** Requests under way at once: as many as the active region has warm instances. */
const atOnce = 3;

/** Longest wait for a final answer, ms; a standby that was just attached follows within seconds. */
const patienceMs = 20_000;
const pauseMs = 200;
const answerTimeoutMs = 10_000;

/**
 * Number of tokens of surviving writes that are also shown at the active region's door, and that
 * are kept for later rounds.
 */
const sample = 60;

interface Kept {
  readonly key: string;
  readonly token: string;
}

/**
 * The tokens of a whole series: a loss is reported in every later round too, after any number of
 * switches.
 */
export class Tokens {
  readonly #random: Random;
  readonly #lost: Kept[] = [];
  #survived: Kept[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /**
   * Shows the tokens of this round, and those kept from earlier ones, when the regions are in order
   * again.
   */
  async show(
    { map, active }: { readonly map: LabMap; readonly active: RegionName },
    records: readonly ClientRecord[],
    survivors: ReadonlySet<string>,
  ): Promise<readonly Shown[]> {
    const made = records.flatMap(({ kind, ok, key, token }) =>
      kind === 'write' && ok && key !== null && token ? [{ key, token }] : [],
    );
    const [lost, survived] = [
      made.filter(({ key }) => !survivors.has(key)),
      made.filter(({ key }) => survivors.has(key)),
    ];
    const door = map.regions[active].public.door;
    const home = map.regions[otherRegion(active)].public.reads;
    const some = drawn(survived, sample, this.#random);
    const earlier = [...this.#lost, ...this.#survived];
    const shown = [
      ...(await showAll(home, 'home', [...made, ...earlier])),
      ...(await showAll(door, 'door', [...lost, ...some, ...earlier])),
    ];
    this.#lost.push(...lost);
    this.#survived = drawn([...this.#survived, ...some], sample, this.#random);
    return shown;
  }
}

async function showAll(to: Endpoint, at: Shown['at'], all: readonly Kept[]): Promise<Shown[]> {
  const waiting = [...all];
  const shown: Shown[] = [];
  const work = async () => {
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      shown.push({ key: one.key, at, said: await saidOf(to, one) });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return shown;
}

/** Asks until the answer is final. */
function saidOf(to: Endpoint, shown: Kept): Promise<Said> {
  // No answer is not final: a door may be busy, a function may be starting.
  const final = async () => {
    const said = await ask(to, shown);
    return said !== 'undecided' && said;
  };
  const patience = { timeoutMs: patienceMs, pollMs: pauseMs };
  return until('a final answer', final, patience).catch(() => 'undecided' as const);
}

async function ask(to: Endpoint, { key, token }: Kept): Promise<Said> {
  const response = await fetch(`${urlOf(to)}/orders/${encodeURIComponent(key)}`, {
    headers: { [headers.token]: token },
    signal: AbortSignal.timeout(answerTimeoutMs),
  });
  const body = await response.text();
  const seen = readSeenOf(response.headers.get(readSeenHeader) ?? undefined);
  if (response.status === 200 && body.includes(key)) return 'survived';
  if (response.status === 410 && seen?.outcome === 'lost') return 'lost';
  return response.status === 404 ? 'not-there' : 'undecided';
}
