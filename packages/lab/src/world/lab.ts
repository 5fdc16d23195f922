import { Resolver } from 'node:dns/promises';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { loadService } from 'throwover';
import { seededRandom, systemClock } from 'throwover/kernel';
import { freeze, kill, processTree, type Roots, thaw } from '../faults/process-tree.ts';
import {
  createDatabases,
  type Databases,
  findBinaries,
  type LagProfile,
  postmasterPid,
  startLagProfile,
} from '../postgres/postgres.ts';
import { type Child, type ChildSpec, startChild } from './child.ts';
import { type Claim, claimDirectory } from './claim.ts';
import { askJson, until } from './json.ts';
import { type LabMap, labMap, otherRegion, type RegionName, regionNames } from './map.ts';
import type { LabOptions } from './options.ts';
import { serviceFile } from './service-file.ts';
import { type ClientsAsked, clientsSpec, labSpecs, webhookSecret } from './specs.ts';
import { throwoverJson } from './throwover-cli.ts';

/** Longest wait for the standby to stream after a start, ms. */
const streamingTimeoutMs = 30_000;

/** What a cut keeps from passing: everything, what comes in, or what goes out. Answers go the other way than questions. */
export type CutWay = 'both' | 'in' | 'out';

/** Instances that are warm in the active region when traffic begins; 60 requests/s use 3 to 6 at once. */
const warmInstances = 6;

/**
 * Two regions, a witness and the internet on one machine, as processes.
 *
 * `up` starts them, `reset` puts them back as they were at the start, `down` ends them all; the faults
 * are done to one region by name while everything else runs.
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
    const map = labMap(options.portBase);
    // Traversable for the user that PostgreSQL runs as.
    await mkdir(options.dir, { recursive: true });
    await chmod(options.dir, 0o755);
    const claim = await claimDirectory(options.dir, map.control);
    try {
      const binaries = await findBinaries({
        pgBin: options.pgBin,
        copyDir: join(options.dir, 'postgres-binaries'),
      });
      const { east, west } = map.regions;
      const databases = await createDatabases({
        dir: join(options.dir, `postgres-${binaries.major}`),
        binaries,
        primary: 'east',
        standby: 'west',
        upstream: east.public.interPostgres,
        scratch: west.private.postgres,
        clock: systemClock,
      });
      const specs = labSpecs(map, options, {
        pgBin: binaries.dir,
        runAs: binaries.runAs,
        dataDir: (region) => databases.side(region).dataDir,
        stateDir: (region) => databases.side(region).stateDir,
      });
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

  /** Everything as it was at the start: databases, epoch 1, DNS, caches, journals. */
  async reset(): Promise<void> {
    await this.#stop();
    await this.#databases.reset();
    await this.#start();
  }

  async down(): Promise<void> {
    await this.#stop();
    await this.#claim.release();
  }

  /** Hears `npm run lab -- kill east` and the like. */
  answer(handler: RequestListener): void {
    this.#claim.answer(handler);
  }

  async active(): Promise<RegionName> {
    const { active } = await askJson<{ active: RegionName }>(this.map.store, '/v1/store/service', {
      method: 'POST',
      body: 'checkout',
    });
    return active;
  }

  /** As the team declared them, life time, ms. */
  async objectives(): Promise<{ rtoMs: number; rpoMs: number }> {
    const { service } = await loadService(join(this.options.dir, 'throwover.yaml'));
    return service.objectives;
  }

  /** Starts the clients anew; they write what they see to `output`. */
  async startClients(config: ClientsAsked): Promise<void> {
    if (this.#clients) await this.#clients.stop();
    this.#clients = await this.#startChild(clientsSpec(this.map, this.options, config));
    await askJson(this.map.clients, '/__lab/start', { method: 'POST', body: {} });
  }

  /** What the authoritative server answers for the service's name. */
  async resolve(): Promise<readonly string[]> {
    const { dns, hostname } = this.map;
    const resolver = new Resolver({ timeout: 1_000 });
    resolver.setServers([`${dns.host}:${dns.port}`]);
    return resolver.resolve4(hostname);
  }

  /** SIGKILL to every process of the region, its database included. */
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

  /** Nothing passes the region's border, in neither direction or only not in one; its processes go on. */
  async cut(name: RegionName, way: CutWay = 'both'): Promise<void> {
    await this.#border(name, way);
  }

  async restore(name: RegionName): Promise<void> {
    await this.#border(name, null);
  }

  /** The standby hears nothing more of this region's database, while everything else passes. */
  async cutReplication(name: RegionName, cut: boolean): Promise<void> {
    await this.#changeLinks([`${name}-interPostgres`], { cut: cut ? 'both' : 'none' });
  }

  /** Starts a killed region again on the disks that it left. */
  async bringBack(name: RegionName): Promise<void> {
    if (this.#regions.has(name)) return;
    this.#regions.set(name, await this.#startChild(this.#specs.region(name)));
  }

  /** `throwover serve` is gone, as after a power cut at the witness. */
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

  /** One process of a region, by what it is told: `guard`, `door`, `gateway`, `functions`. */
  async part(name: RegionName, part: 'guard' | 'door' | 'gateway' | 'functions'): Promise<number> {
    const supervisor = this.#regions.get(name)?.pid;
    const pids = supervisor === undefined ? [] : await processTree([supervisor]);
    for (const pid of pids) {
      const argv = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (argv.includes(`/${name}-${part}.json`)) return pid;
    }
    throw new Error(`${name} has no ${part} that runs`);
  }

  async #start(): Promise<void> {
    await this.#clearState();
    await writeFile(join(this.options.dir, 'throwover.yaml'), serviceFile(this.map, this.options));
    const { border, dns, resolvers, sender, serve } = this.#specs;
    this.#others = await this.#startChildren([border, dns, resolvers, sender, serve]);
    await Promise.all(regionNames.map((name) => this.bringBack(name)));
    await this.#databasesReady();
    await this.#warmActive();
    await throwoverJson(['check'], this.options.dir);
    this.#lagProfile = startLagProfile({
      profile: this.options.lagProfile,
      sides: regionNames.map((name) => this.map.regions[name].private.postgres),
      clock: systemClock,
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

  /** What a run leaves behind, apart from the databases: store, doors, gateways. */
  async #clearState(): Promise<void> {
    const { dir } = this.options;
    await Promise.all(
      ['witness', ...regionNames].map(async (name) => {
        await rm(join(dir, name), { recursive: true, force: true });
        await mkdir(join(dir, name), { recursive: true });
      }),
    );
  }

  /** Guards start their databases closed, and open them when somebody vouches for them. */
  async #databasesReady(): Promise<void> {
    const status = (name: RegionName) =>
      askJson<{ streaming: boolean; closed: object | null }>(
        this.map.regions[name].public.guard,
        '/v1/status',
      );
    await until(
      'the writer is open and the standby streams',
      async () => (await status('east')).closed === null && (await status('west')).streaming,
      { timeoutMs: streamingTimeoutMs },
    );
  }

  /** A service that is in production has warm functions: as many requests at once as it needs instances. */
  async #warmActive(): Promise<void> {
    const { door } = this.map.regions.east.public;
    const requests = Array.from({ length: warmInstances }, () => askJson(door, '/orders?limit=1'));
    await Promise.all(requests);
  }

  async #border(name: RegionName, way: CutWay | null): Promise<void> {
    const { links } = await askJson<{ links: readonly { name: string }[] }>(
      this.map.border,
      '/links',
    );
    // What the region itself calls, in the other one and at the witness.
    const outward = [
      ...['interDoor', 'interPostgres', 'interGuard', 'interReads'].map(
        (service) => `${otherRegion(name)}-${service}`,
      ),
      `${name}-toStore`,
    ];
    const inward = links
      .map((link) => link.name)
      .filter((link) => link.startsWith(`${name}-`) && !outward.includes(link));
    const cuts =
      way === null
        ? { inward: 'none', outward: 'none' }
        : way === 'both'
          ? { inward: 'both', outward: 'both' }
          : way === 'in'
            ? { inward: 'to-target', outward: 'from-target' }
            : { inward: 'from-target', outward: 'to-target' };
    await this.#changeLinks(inward, { cut: cuts.inward });
    await this.#changeLinks(outward, { cut: cuts.outward });
  }

  async #changeLinks(names: readonly string[], change: Readonly<Record<string, unknown>>) {
    await askJson(this.map.border, '/links', { method: 'POST', body: { names, change } });
  }

  /** The region's supervisor, and its database, which outlives its guard. */
  async #roots(name: RegionName): Promise<Roots> {
    const supervisor = this.#regions.get(name)?.pid;
    const postmaster = await postmasterPid(this.#databases.side(name).dataDir);
    return [supervisor, postmaster].filter((pid) => typeof pid === 'number');
  }

  /** Latency between the regions, one way, ms; takes effect at once. */
  async setLatency(latencyMs: number): Promise<void> {
    const between = ['interDoor', 'interPostgres', 'interGuard', 'interReads', 'toStore'];
    const names = regionNames.flatMap((name) => between.map((service) => `${name}-${service}`));
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

  /** All or none: when one fails, those that started are stopped again. */
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
