import { type Random, seededRandom } from '../../kernel/kernel.ts';
import type { StepRecord } from '../../records/journal-steps.ts';
import { stepOf } from './run-evidence.fixture.ts';
import type { LagRecord, RequestRecord, RunEvidence, WebhookRecord } from './run-evidence.ts';

/**
 * Returns an artificial recording in the shape of the lab's: 10 s of baseline, a run, and 22 s of
 * watching.
 */
export function sampleEvidence(kind: 'flip-only' | 'switchover', seed: number): RunEvidence {
  const world = new World(kind, seed);
  return {
    runId: `run_06f3k2v8q0-${kind === 'switchover' ? '7hx2kd9m' : '2c8rw4tz'}`,
    kind,
    from: 'east',
    to: 'west',
    timeScale: 60,
    objectives: { rtoMs: 300_000, rpoMs: 0 },
    fromMs: startMs,
    toMs: startMs + 33_000,
    firstActMs: startMs + 10_000,
    flippedMs: world.flippedMs,
    steps: world.steps,
    requests: world.requests(),
    webhooks: world.webhooks(),
    lag: world.lag(),
    survivors: {
      region: 'west',
      orderKeys: [...world.kept],
      events: [...world.effects].map(([id, atMs]) => ({ id, atMs })),
    },
  };
}

const startMs = 1_790_000_000_000;

class World {
  readonly kind: 'flip-only' | 'switchover';
  readonly steps: readonly StepRecord[];
  readonly flippedMs: number;
  readonly promotedMs: number;
  readonly kept = new Set<string>();
  readonly effects = new Map<string, number>();
  readonly #random: Random;

  constructor(kind: 'flip-only' | 'switchover', seed: number) {
    this.kind = kind;
    this.#random = seededRandom(seed);
    this.steps = kind === 'switchover' ? switchoverSteps() : flipOnlySteps();
    this.flippedMs = this.#end('flip');
    this.promotedMs = this.#end('promote');
  }

  requests(): RequestRecord[] {
    const out: RequestRecord[] = [];
    const lastOrder = new Map<number, { key: string; acknowledged: string }>();
    for (let i = 0; i < 33 * 60; i++) {
      const sentMs = startMs + i * (1_000 / 60) + this.#random.next() * 10;
      const client = this.#random.integer(40);
      const order = lastOrder.get(client);
      const kind = order && this.#random.next() < 0.5 ? 'read' : 'write';
      const key = kind === 'read' && order ? order.key : `order-${i}`;
      const where = this.#where(client, sentMs);
      const { tookMs, fails } = this.#answer(sentMs, where);
      const endMs = sentMs + tookMs;
      const region = fails ? where.entry : where.region;
      const stale = kind === 'read' && !fails && this.#misses(key, order?.acknowledged, region);
      if (kind === 'write' && !fails) {
        lastOrder.set(client, { key, acknowledged: region });
        const replicated = region === 'west' || sentMs < this.promotedMs - 900;
        if (this.kind === 'switchover' || replicated) this.kept.add(key);
      }
      out.push({
        type: 'request',
        client: `c${client}`,
        kind,
        key,
        sentMs,
        endMs,
        status: fails ? 503 : stale ? 404 : kind === 'write' ? 201 : 200,
        error: null,
        region,
        entry: where.entry,
        forwarded: where.entry !== region,
        reused: client < 6,
        resolver: resolverOf(client),
        ok: !fails && !stale,
        stale,
      });
    }
    return out;
  }

  webhooks(): WebhookRecord[] {
    const out: WebhookRecord[] = [];
    for (let createdMs = startMs + 200; createdMs < startMs + 33_000; createdMs += 333) {
      const id = `evt_${out.length}`;
      const held = createdMs > this.flippedMs - 700 && createdMs < this.flippedMs;
      const astray =
        this.kind === 'flip-only' &&
        createdMs > this.promotedMs &&
        createdMs < this.promotedMs + 900;
      const retried =
        this.kind === 'flip-only' &&
        createdMs > this.flippedMs - 700 &&
        createdMs < this.promotedMs;
      const attempts = retried
        ? [
            { atMs: createdMs, status: 503 },
            { atMs: createdMs + 5_100, status: 200 },
          ]
        : [{ atMs: createdMs, status: 200 }];
      const effectMs = retried ? createdMs + 5_130 : held ? this.flippedMs + 80 : createdMs + 35;
      if (!astray) this.effects.set(id, effectMs);
      out.push({ type: 'webhook', id, createdMs, attempts, state: 'delivered' });
    }
    return out;
  }

  lag(): LagRecord[] {
    const out: LagRecord[] = [];
    for (let at = 0; at < 32_000; at += 200) {
      const lagMs = 45 + 3_500 * Math.max(0, Math.sin(at / 1_300)) ** 8 + this.#random.next() * 20;
      const gone = startMs + at > this.promotedMs && startMs + at < this.promotedMs + 900;
      const atMs = startMs + at;
      if (!gone) out.push({ type: 'lag', atMs, lagMs, lagBytes: Math.round(lagMs * 900) });
    }
    return out;
  }

  #end(step: string): number {
    return this.steps.find(({ name }) => name === step)?.endMs ?? 0;
  }

  #where(client: number, sentMs: number): { entry: string; region: string } {
    const sinceFlip = sentMs - this.flippedMs;
    const entry = sinceFlip > holdMs(client) ? 'west' : 'east';
    if (this.kind === 'flip-only') return { entry, region: entry };
    // Requests that were held at the door are answered by the new region.
    return { entry, region: sentMs > this.promotedMs - 230 ? 'west' : entry };
  }

  #answer(sentMs: number, { region }: { region: string }): { tookMs: number; fails: boolean } {
    const usual = 32 + 20 * this.#random.next() + (this.#random.next() < 0.02 ? 40 : 0);
    const sincePromotion = sentMs - this.promotedMs;
    if (this.kind === 'switchover') {
      const held = sincePromotion > -230 && sincePromotion < 0;
      return { tookMs: held ? usual - sincePromotion : usual, fails: false };
    }
    const cold = region === 'west' && sincePromotion < 3_000 && this.#random.next() < 0.25;
    const fails = region === 'west' && sincePromotion < 0;
    return { tookMs: fails ? 9 : cold ? usual + 700 * this.#random.next() : usual, fails };
  }

  #misses(key: string, acknowledged: string | undefined, region: string): boolean {
    if (this.kind === 'switchover') return false;
    return acknowledged !== region && !this.kept.has(key);
  }
}

function resolverOf(client: number): string {
  return client % 10 < 7 ? 'honest' : client % 10 < 9 ? 'clamped' : 'long-hold';
}

function holdMs(client: number): number {
  const spread = (client * 37) % 100;
  if (client < 6) return 7_000 + spread * 9;
  const resolver = resolverOf(client);
  return resolver === 'honest' ? spread * 10 : resolver === 'clamped' ? 50 * spread : 150 * spread;
}

function flipOnlySteps(): StepRecord[] {
  const at = (from: number, to: number) => [startMs + from, startMs + to] as const;
  return [
    stepOf('flip', at(10_000, 10_140), { title: 'Point the name at west' }),
    stepOf('promote', at(10_150, 10_270), { title: "Make west's database the primary" }),
    stepOf('open-epoch', at(10_275, 10_281), { title: 'Open the next epoch' }),
  ];
}

function switchoverSteps(): StepRecord[] {
  const at = (from: number, to: number) => [startMs + from, startMs + to] as const;
  return [
    stepOf('warm', at(10_000, 11_320), { title: 'Start 6 instances in west' }),
    stepOf('checkpoint', at(11_325, 11_372), { title: 'Write a checkpoint in east' }),
    stepOf('wait-for-lag', at(11_375, 12_010), { title: 'Wait until the lag is small' }),
    stepOf('hold-webhooks', at(12_015, 12_030), { title: 'Hold webhook deliveries' }),
    stepOf('hold-door', at(12_033, 12_041), { title: "Hold new requests at east's door" }),
    stepOf('fence', at(12_043, 12_081), { title: "Close east's database to the application" }),
    stepOf('catch-up', at(12_083, 12_128), { title: 'Wait until west has everything' }),
    stepOf('promote', at(12_130, 12_214), { title: "Make west's database the primary" }),
    stepOf('open-epoch', at(12_216, 12_221), { title: 'Open epoch 2' }),
    stepOf('forward', at(12_222, 12_231), { title: 'Forward stragglers to west' }),
    stepOf('stop-old', at(12_233, 12_300), { title: "Stop east's database" }),
    stepOf('flip', at(12_302, 12_430), { title: 'Point the name at west' }),
    stepOf('deliver-webhooks', at(12_434, 12_470), { title: 'Deliver what was held' }),
    stepOf('attach-old', at(12_474, 13_390), {
      title: "Attach east's database as a standby of west",
      evidence: { way: 'as-is', bytesCopied: 0 },
    }),
    stepOf('keep-warm', at(13_392, 17_430), {
      title: 'Keep the warm capacity for the first minutes',
      kind: 'scaled',
    }),
    stepOf('release', at(17_433, 17_460), { title: 'Release the warm capacity' }),
  ];
}
