import type { RequestRecord } from 'throwover';
import { type Clock, newId, type Random, seededRandom } from 'throwover/kernel';
import { sendBeacons } from './beacons.ts';
import { Client } from './client.ts';
import type { ClientsConfig } from './config.ts';
import { Live } from './live.ts';
import { dealOwnWrites, think } from './own-reads.ts';
import { assetSchedule, deal, dealShare, type Slot, schedule } from './pace.ts';
import { type Counts, Recorder } from './recorder.ts';

/**
 * All clients of one recording, from the first request to the last record on disk.
 *
 * The rate and the timeout limit the requests that are under way at once; a slow service gets
 * requests at the same rate as a fast one.
 */
export class Traffic {
  readonly #config: ClientsConfig;
  readonly #clock: Clock;
  readonly #keys: Random;
  readonly #thinking: Random;
  readonly #clients: readonly Client[];
  readonly #recorder: Recorder;
  readonly #live: Live;
  readonly #stopping = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  readonly #loops: readonly Promise<void>[];

  constructor(config: ClientsConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
    this.#thinking = seededRandom(config.seed);
    const random = seededRandom(config.seed);
    this.#clients = makeClients(config, random, clock);
    this.#keys = seededRandom(random.integer(2 ** 32));
    this.#recorder = new Recorder(config.output);
    this.#live = new Live([...new Set(Object.values(config.addresses))], clock);
    const { writes, reads } = schedule({
      clients: config.clients,
      ratePerSecond: config.ratePerSecond,
      random: [seededRandom(random.integer(2 ** 32)), seededRandom(random.integer(2 ** 32))],
    });
    const startedMs = clock.monotonicMs();
    this.#loops = [
      this.#follow(writes, startedMs),
      this.#follow(reads, startedMs),
      ...(config.assetsPerSecond === 0 ? [] : [this.#follow(assetsOf(config), startedMs)]),
      ...(config.beacons === null
        ? []
        : [
            sendBeacons({
              ...config.beacons,
              clients: this.#clients,
              random: seededRandom(config.seed),
              clock,
              signal: this.#stopping.signal,
            }),
          ]),
    ];
  }

  get counts(): Counts {
    return this.#recorder.counts;
  }

  live() {
    return this.#live.figures();
  }

  /** Stops sending, waits for requests under way, and puts every record on disk. */
  async stop(): Promise<Counts> {
    this.#stopping.abort();
    await Promise.all(this.#loops);
    // Writes that end now are still read.
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    for (const client of this.#clients) client.close();
    await this.#recorder.close();
    return this.counts;
  }

  async #follow(slots: Generator<Slot, never>, startedMs: number): Promise<void> {
    const { signal } = this.#stopping;
    for (const slot of slots) {
      const waitMs = startedMs + slot.dueMs - this.#clock.monotonicMs();
      if (waitMs > 0) await this.#clock.sleep(waitMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      this.#begin(slot);
    }
  }

  #begin(slot: Slot): void {
    const client = this.#clients[slot.client];
    if (client === undefined) throw new RangeError(`no client ${slot.client}`);
    const request = this.#perform(client, slot.kind).then((record) => {
      this.#keep(record);
      this.#underWay.delete(request);
      if (record.kind === 'write' && record.ok) this.#readAtHome(client);
    });
    this.#underWay.add(request);
  }

  /** Does nothing where checkout gives no tokens. */
  #readAtHome(client: Client): void {
    if (this.#config.readYourWrites === null) return;
    const context = { clock: this.#clock, random: this.#thinking, signal: this.#stopping.signal };
    const read = think(this.#config, context)
      .then(() => client.readAtHome())
      .then((record) => {
        if (record !== null) this.#keep(record);
        this.#underWay.delete(read);
      });
    this.#underWay.add(read);
  }

  #keep(record: RequestRecord): void {
    this.#recorder.add(record);
    this.#live.add(record);
  }

  #perform(client: Client, kind: Slot['kind']): Promise<RequestRecord> {
    if (kind === 'write') return client.write(newId('order', this.#clock, this.#keys));
    if (kind === 'asset') return client.asset();
    return kind === 'read' ? client.read() : client.list();
  }
}

/** Drawn separately, so that assets change nothing else. */
function assetsOf({ clients, assetsPerSecond, seed }: ClientsConfig): Generator<Slot, never> {
  return assetSchedule({ clients, ratePerSecond: assetsPerSecond, random: seededRandom(seed) });
}

function makeClients(config: ClientsConfig, random: Random, clock: Clock): Client[] {
  const { clients, hostname, port, addresses, keepAliveShare } = config;
  const resolvers = deal(config.resolvers, clients, random);
  const pools = dealShare(keepAliveShare, clients, random);
  // Drawn separately, so that a share of 0 changes nothing else.
  const caches = dealShare(config.runtimeCacheShare, clients, seededRandom(config.seed));
  const own = dealOwnWrites(config);
  const cacheMs = (config.runtimeCacheLifeMinutes * 60_000) / config.timeScale;
  const maxLifeMs = (config.keepAliveMaxLifeMinutes * 60_000) / config.timeScale;
  return resolvers.map(
    (resolver, index) =>
      new Client({
        name: `client-${index + 1}`,
        hostname,
        port,
        resolver,
        addresses,
        keepAliveMs: pools[index] ? maxLifeMs : null,
        runtimeCacheMs: caches[index] && !pools[index] ? cacheMs : null,
        from: addressOf(config.firstNetwork + index),
        own: own?.[index] ?? null,
        patienceMs: config.patienceMs,
        clock,
      }),
  );
}

/**
 * Returns an address in a separate network for each client: no connection of the lab comes from
 * 10.0.0.0/8.
 */
export function addressOf(network: number): string {
  return `10.${Math.floor(network / 256)}.${network % 256}.7`;
}
