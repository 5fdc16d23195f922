import { Resolver } from 'node:dns/promises';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { seededRandom } from 'throwover/kernel';
import { commandOf, freeze, kill, processTree, type Roots, thaw } from '../faults/process-tree.ts';
import {
  createDatabases,
  type Databases,
  findBinaries,
  type LagProfile,
  postmasterPid,
  startLagProfile,
} from '../postgres/postgres.ts';
import { askMachine } from './ask-machine.ts';
import { type Child, type ChildSpec, startChild } from './child.ts';
import { type Claim, claimDirectory } from './claim.ts';
import { guardStatus } from './guard-status.ts';
import { askJson, until } from './json.ts';
import { type LabMap, labMap, otherRegion, type RegionName, regionNames } from './map.ts';
import type { LabOptions } from './options.ts';
import { issueCertificates } from './pki.ts';
import { serviceFile } from './service-file.ts';
import { type ClientsAsked, clientsSpec, labSpecs, webhookSecret } from './specs.ts';
import { throwoverJson } from './throwover-cli.ts';

/** Longest wait for the standby to stream after a start, ms. */
const streamingTimeoutMs = 30_000;

/** Longest wait for a check of the whole service to succeed after a start, ms. */
const readyTimeoutMs = 60_000;

/**
 * The direction that a cut blocks: both, incoming, or outgoing. Answers go the opposite way of
 * requests.
 */
export type CutWay = 'both' | 'in' | 'out';

/** The change that a cut makes to the links into a region, and to the links out of it. */
const linkCuts = {
  none: { inward: 'none', outward: 'none' },
  both: { inward: 'both', outward: 'both' },
  in: { inward: 'to-target', outward: 'from-target' },
  out: { inward: 'from-target', outward: 'to-target' },
} as const;

/** Links between the regions, by the service that they carry. */
const interLinks = ['interDoor', 'interPostgres', 'interGuard', 'interReads'];

/**
 * Number of instances that are warm in the active region when traffic begins; 60 requests/s use 3
 * to 6 at once.
 */
const warmInstances = 6;

/**
 * Two regions, a witness and the internet on one machine, as processes.
 *
 * `up` starts them, `reset` restores their first state, `down` ends them all; faults are done to
 * one region by name while everything else runs.
 */
export class Lab {
  readonly options: LabOptions;
  readonly map: LabMap;
  readonly #claim: Claim;
  readonly #databases: Databases;
  readonly #specs: ReturnType<typeof labSpecs>;
  readonly #regions = new Map<RegionName, Child>();
  #others: Child[] = [];
  #clients: Child | null = null;
  #lagProfile: LagProfile | null = null;

  private constructor(
    options: LabOptions,
    map: LabMap,
    parts: { claim: Claim; databases: Databases; specs: ReturnType<typeof labSpecs> },
  ) {
    this.options = options;
    this.map = map;
    this.#claim = parts.claim;
    this.#databases = parts.databases;
    this.#specs = parts.specs;
  }

  static async up(options: LabOptions): Promise<Lab> {
    const map = labMap(options.portBase, options.dir);
    // The user that PostgreSQL runs as must be able to pass through it.
    await mkdir(options.dir, { recursive: true });
    await chmod(options.dir, 0o755);
    const claim = await claimDirectory(options.dir, map.control);
    try {
      const binaries = await findBinaries({
        pgBin: options.pgBin,
        copyDir: join(options.dir, 'postgres-binaries'),
      });
      await writeFile(join(options.dir, 'throwover.yaml'), serviceFile(map, options));
      const { east, west } = map.regions;
      const [databases] = await Promise.all([
        createDatabases({
          dir: join(options.dir, `postgres-${binaries.major}`),
          binaries,
          primary: 'east',
          standby: 'west',
          upstream: east.public.interPostgres,
          scratch: west.private.postgres,
        }),
        issueCertificates(options.dir, map.pki),
      ]);
      const specs = labSpecs(map, options, { binaries, databases });
      const lab = new Lab(options, map, { claim, databases, specs });
      await lab.#start().catch(async (error) => {
        await lab.down();
        throw error;
      });
      return lab;
    } catch (error) {
      await claim.release();
      throw error;
    }
  }

  /** Restores everything to the first state: databases, epoch 1, DNS, caches, journals. */
  async reset(): Promise<void> {
    await this.#stop();
    await this.#databases.reset();
    await this.#start();
  }

  async down(): Promise<void> {
    await this.#stop();
    await this.#claim.release();
  }

  /** Handles `npm run lab -- kill east` and similar commands. */
  answer(handler: RequestListener): void {
    this.#claim.answer(handler);
  }

  async active(): Promise<RegionName> {
    const { active } = await askMachine<{ active: RegionName }>(
      this.map,
      this.map.store,
      '/v1/store/service',
      {
        method: 'POST',
        body: 'checkout',
      },
    );
    return active;
  }

  /** Restarts the clients; they write their records to `output`. */
  async startClients(config: ClientsAsked): Promise<void> {
    if (this.#clients) await this.#clients.stop();
    this.#clients = await this.#startChild(clientsSpec(this.map, this.options, config));
    await askJson(this.map.clients, '/__lab/start', { method: 'POST', body: {} });
  }

  /**
   * Stops the clients' requests: each one under way gets its patience. Their records are then on
   * disk.
   */
  async stopClients(): Promise<void> {
    const timeoutMs = this.options.patienceMs + 10_000;
    await askJson(this.map.clients, '/__lab/stop', { method: 'POST', body: {}, timeoutMs });
  }

  /** Returns the authoritative server's answer for the service's name. */
  async resolve(): Promise<readonly string[]> {
    const { dns, hostname } = this.map;
    const resolver = new Resolver({ timeout: 1_000 });
    resolver.setServers([`${dns.host}:${dns.port}`]);
    return resolver.resolve4(hostname);
  }

  /** Sends SIGKILL to every process of the region, its database included. */
  async kill(name: RegionName): Promise<void> {
    const roots = await this.#roots(name);
    const supervisor = this.#regions.get(name);
    this.#regions.delete(name);
    await kill(roots);
    await supervisor?.ended;
  }

  async freeze(name: RegionName): Promise<void> {
    await freeze(await this.#roots(name));
  }

  async thaw(name: RegionName): Promise<void> {
    await thaw(await this.#roots(name));
  }

  /** Blocks the region's border, in both directions or in one; its processes go on. */
  async cut(name: RegionName, way: CutWay = 'both'): Promise<void> {
    await this.#border(name, way);
  }

  async restore(name: RegionName): Promise<void> {
    await this.#border(name, 'none');
  }

  /**
   * Cuts replication: the standby receives nothing more of this region's database, while everything
   * else passes.
   */
  async cutReplication(name: RegionName, cut: boolean): Promise<void> {
    await this.#changeLinks([`${name}-interPostgres`], { cut: cut ? 'both' : 'none' });
  }

  /** Starts a killed region again with the disks that it left. */
  async bringBack(name: RegionName): Promise<void> {
    if (this.#regions.has(name)) return;
    this.#regions.set(name, await this.#startChild(this.#specs.region(name)));
  }

  /** Kills `throwover serve`, as a power cut at the witness would. */
  async killStore(): Promise<void> {
    const serve = this.#others.find(({ name }) => name === 'serve');
    if (serve === undefined) return;
    this.#others = this.#others.filter((child) => child !== serve);
    await kill([serve.pid]);
    await serve.ended;
  }

  async startStore(): Promise<void> {
    if (this.#others.some(({ name }) => name === 'serve')) return;
    this.#others.push(await this.#startChild(this.#specs.serve));
  }

  /** Returns the machine of a region's database, for actions on its own console. */
  machine(name: RegionName) {
    const { dataDir } = this.#databases.side(name);
    const address = this.map.regions[name].private.postgres;
    return {
      ...{ dataDir, address },
      /** Configuration of the guard beside it. */
      guardConfig: join(this.options.dir, 'config', `${name}-guard.json`),
      start: () => this.#databases.start(name, address),
      postmaster: () => postmasterPid(dataDir),
      becomeForeign: () =>
        this.#databases.becomeForeign(name, {
          address,
          upstream: this.map.regions[otherRegion(name)].public.interPostgres,
        }),
      becomeOwn: () => this.#databases.becomeOwn(name),
    };
  }

  /** Returns every live process of the lab, and of commands that this process has started. */
  async pids(): Promise<readonly number[]> {
    const postmasters = await Promise.all(
      regionNames.map((name) => this.machine(name).postmaster()),
    );
    const roots = [process.pid, ...postmasters.filter((pid) => pid !== null)];
    return (await processTree(roots)).filter((pid) => pid !== process.pid);
  }

  /** Returns the pid of one process of a region: `guard`, `door`, `gateway`, `functions`. */
  async part(name: RegionName, part: 'guard' | 'door' | 'gateway' | 'functions'): Promise<number> {
    const supervisor = this.#regions.get(name)?.pid;
    const pids = supervisor === undefined ? [] : await processTree([supervisor]);
    for (const pid of pids) {
      const argv = await commandOf(pid);
      if (argv.some((word) => word.endsWith(`/${name}-${part}.json`))) return pid;
    }
    throw new Error(`${name} has no ${part} that runs`);
  }

  async #start(): Promise<void> {
    await this.#clearState();
    const { border, dns, resolvers, sender, serve } = this.#specs;
    this.#others = await this.#startChildren([border, dns, resolvers, sender, serve]);
    await Promise.all(regionNames.map((name) => this.bringBack(name)));
    await this.#databasesReady();
    // The first check tells the store about the service. It is repeated: on a busy machine a door
    // that has just started does not answer within a check's deadline.
    await until(
      'check says ready',
      async () => {
        await throwoverJson(['check'], this.options.dir);
        return true;
      },
      { timeoutMs: readyTimeoutMs },
    );
    await this.#writerHoldsLease();
    await this.#warmActive();
    this.#lagProfile = startLagProfile({
      profile: this.options.lagProfile,
      sides: regionNames.map((name) => this.map.regions[name].private.postgres),
      random: seededRandom(this.options.seed),
    });
  }

  async #stop(): Promise<void> {
    await this.#lagProfile?.stop();
    this.#lagProfile = null;
    const children = [...(this.#clients ? [this.#clients] : []), ...this.#others];
    this.#clients = null;
    this.#others = [];
    await Promise.all([
      ...children.map((child) => child.stop()),
      ...[...this.#regions.keys()].map((name) => this.kill(name)),
    ]);
    await this.#databases.stop();
  }

  /** Removes the state that a run leaves outside the databases: store, doors, gateways. */
  async #clearState(): Promise<void> {
    const { dir } = this.options;
    await Promise.all(
      ['witness', ...regionNames].map(async (name) => {
        await rm(join(dir, name), { recursive: true, force: true });
        await mkdir(join(dir, name), { recursive: true });
      }),
    );
  }

  /**
   * Waits until the writer of a strict service holds its lease. Its guard asks for it once it has
   * heard that its region is active; application sessions that begin earlier are ended.
   */
  async #writerHoldsLease(): Promise<void> {
    await until(
      'the writer holds its lease',
      async () => (await guardStatus(this.map, 'east')).leaseLeftMs !== 0,
      { timeoutMs: readyTimeoutMs },
    );
  }

  /**
   * Waits until both databases are ready. Guards start them closed, and open them once the store or
   * the other guard has answered that they may.
   */
  async #databasesReady(): Promise<void> {
    await until(
      'the writer is open and knows its standby, and the standby streams',
      async () => {
        const [east, west] = await Promise.all([
          guardStatus(this.map, 'east'),
          guardStatus(this.map, 'west'),
        ]);
        return east.closed === null && east.standby !== null && west.streaming;
      },
      { timeoutMs: streamingTimeoutMs },
    );
  }

  /**
   * Warms the active region as in production: with as many requests at once as it needs instances.
   */
  async #warmActive(): Promise<void> {
    const { door } = this.map.regions.east.public;
    const requests = Array.from({ length: warmInstances }, () => askJson(door, '/orders?limit=1'));
    await Promise.all(requests);
  }

  async #border(name: RegionName, way: CutWay | 'none'): Promise<void> {
    const { links } = await askJson<{ links: readonly { name: string }[] }>(
      this.map.border,
      '/links',
    );
    // The links over which the region itself calls the other region and the witness.
    const outward = [
      ...interLinks.map((service) => `${otherRegion(name)}-${service}`),
      `${name}-toStore`,
    ];
    const inward = links
      .map((link) => link.name)
      .filter((link) => link.startsWith(`${name}-`) && !outward.includes(link));
    await this.#changeLinks(inward, { cut: linkCuts[way].inward });
    await this.#changeLinks(outward, { cut: linkCuts[way].outward });
  }

  async #changeLinks(names: readonly string[], change: Readonly<Record<string, unknown>>) {
    await askJson(this.map.border, '/links', { method: 'POST', body: { names, change } });
  }

  /** Returns the region's supervisor, and its database, which outlives its guard. */
  async #roots(name: RegionName): Promise<Roots> {
    const supervisor = this.#regions.get(name)?.pid;
    const postmaster = await postmasterPid(this.#databases.side(name).dataDir);
    return [supervisor, postmaster].filter((pid) => typeof pid === 'number');
  }

  /** Sets the latency between the regions, one way, ms; takes effect at once. */
  async setLatency(latencyMs: number): Promise<void> {
    const names = regionNames.flatMap((name) =>
      [...interLinks, 'toStore'].map((service) => `${name}-${service}`),
    );
    await this.#changeLinks(names, { latencyMs });
  }

  async #startChild(spec: ChildSpec): Promise<Child> {
    const child = await startChild({
      ...spec,
      env: { ...spec.env, STRIPE_WEBHOOK_SECRET: webhookSecret },
    });
    await this.#claim.record(child.pid);
    return child;
  }

  /** Starts all or none: when one fails, those that started are stopped again. */
  async #startChildren(specs: readonly ChildSpec[]): Promise<Child[]> {
    const results = await Promise.allSettled(specs.map((spec) => this.#startChild(spec)));
    const started = results.flatMap((result) =>
      result.status === 'fulfilled' ? [result.value] : [],
    );
    const failed = results.find((result) => result.status === 'rejected');
    if (failed === undefined) return started;
    await Promise.all(started.map((child) => child.stop()));
    throw failed.reason;
  }
}
