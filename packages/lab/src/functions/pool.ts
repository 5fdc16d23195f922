import { type Clock, newId, quantiles, type Random } from 'throwover/kernel';
import { Concurrency } from './concurrency.ts';
import type { PoolConfig } from './config.ts';
import { Instance, type Outcome } from './instance.ts';
import { invalid, LambdaError, notFound } from './lambda-error.ts';
import { OnDemand, type Placement } from './on-demand.ts';
import { Provisioned, type ProvisionedConfig } from './provisioned.ts';

/** Number of cold starts whose durations are kept for the statistics; older ones are dropped. */
const keptColdStarts = 1_000;

/** Number of checks for instances to reap in one idle time. */
const reapsPerIdleTime = 10;

export interface Invocation {
  readonly requestId: string;
  readonly version: string;
  readonly outcome: Outcome;
  readonly durationMs: number;
  /**
   * How long the request waited for the start of its own instance, ms; `null` when it found one.
   */
  readonly initMs: number | null;
}

export type PoolStats = ReturnType<Pool['stats']>;

/**
 * The instances of one function in one region. A request goes to an idle provisioned instance of
 * its qualifier, otherwise to the on-demand ones; limits are checked before anything starts.
 */
export class Pool {
  readonly concurrency: Concurrency;
  readonly #config: PoolConfig;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #env: Readonly<Record<string, string>>;
  readonly #aliases: Map<string, string>;
  readonly #onDemand: OnDemand;
  readonly #provisioned = new Map<string, Provisioned>();
  /** All instances, also those that are starting and those of released configurations. */
  readonly #all = new Set<Instance>();
  readonly #closing = new AbortController();
  #initDurations: number[] = [];
  readonly #totals = {
    invocations: 0,
    coldStarts: 0,
    throttles: 0,
    functionErrors: 0,
    reaped: 0,
    /** Number of instances that ended without being told to. */
    died: 0,
  };

  constructor(options: { config: PoolConfig; clock: Clock; random: Random; codeDir: string }) {
    const { config, clock, random } = options;
    this.#config = config;
    this.#clock = clock;
    this.#random = random;
    this.#env = instanceEnv(config, options.codeDir);
    this.#aliases = new Map([
      [config.function.alias, config.function.versions.at(-1) ?? '$LATEST'],
    ]);
    this.#onDemand = new OnDemand({
      startsAtOnce: config.limits.startsAtOnce,
      scaleUp: config.limits.scaleUp,
      clock,
      start: (version) => this.#start(version, null),
    });
    this.concurrency = new Concurrency(config.limits);
    this.#reapForever().catch((error: unknown) => {
      if (!this.#closing.signal.aborted) throw error;
    });
  }

  /** Returns the version behind an alias, a version or nothing (`$LATEST`). */
  resolve(qualifier: string | undefined): string {
    if (qualifier === undefined || qualifier === '$LATEST') return '$LATEST';
    const version = this.#aliases.get(qualifier);
    if (version !== undefined) return version;
    if (this.#config.function.versions.includes(qualifier)) return qualifier;
    throw notFound(`Function not found: ${this.arn(qualifier)}`);
  }

  arn(qualifier?: string): string {
    const { region, awsRegion = region, function: fn } = this.#config;
    const suffix = qualifier === undefined ? '' : `:${qualifier}`;
    return `arn:aws:lambda:${awsRegion}:000000000000:function:${fn.name}${suffix}`;
  }

  aliases(): ReadonlyMap<string, string> {
    return this.#aliases;
  }

  pointAlias(alias: string, version: string): void {
    if (!this.#aliases.has(alias)) {
      throw notFound(`Cannot find alias arn: ${this.arn(alias)}`);
    }
    const target = this.resolve(version);
    if (this.#aliases.get(alias) === target) return;
    this.#aliases.set(alias, target);
    const warm = this.#provisioned.get(alias);
    if (warm) this.provision(alias, warm.requested, 'replace');
  }

  async invoke(qualifier: string | undefined, payload: string): Promise<Invocation> {
    try {
      return await this.#invoke(qualifier, payload);
    } catch (error) {
      if (error instanceof LambdaError && error.code === 'TooManyRequestsException') {
        this.#totals.throttles += 1;
      }
      throw error;
    }
  }

  provision(
    qualifier: string,
    requested: number,
    how: 'resize' | 'replace' = 'resize',
  ): ProvisionedConfig {
    const version = this.resolve(qualifier);
    if (version === '$LATEST') {
      throw invalid(
        'Provisioned Concurrency Configs cannot be applied to unpublished function versions.',
      );
    }
    const others = [...this.#provisioned.values()]
      .filter((warm) => warm.qualifier !== qualifier)
      .reduce((sum, warm) => sum + warm.requested, 0);
    this.concurrency.provision(others + requested);
    const current = this.#provisioned.get(qualifier);
    if (current && how === 'resize') {
      current.resize(requested);
      return current.config();
    }
    current?.close();
    const warm = new Provisioned({
      qualifier,
      requested,
      atOnce: this.#config.limits.startsAtOnce,
      clock: this.#clock,
      start: () => this.#start(version, qualifier),
      onReady: (instance) => this.#freed(instance),
    });
    this.#provisioned.set(qualifier, warm);
    return warm.config();
  }

  provisionedConfig(qualifier: string): ProvisionedConfig {
    this.resolve(qualifier);
    const warm = this.#provisioned.get(qualifier);
    if (warm) return warm.config();
    throw new LambdaError(
      'ProvisionedConcurrencyConfigNotFoundException',
      'No Provisioned Concurrency Config found for this function',
    );
  }

  provisionedConfigs(): readonly ProvisionedConfig[] {
    return [...this.#provisioned.values()].map((warm) => warm.config());
  }

  release(qualifier: string): void {
    this.resolve(qualifier);
    const warm = this.#provisioned.get(qualifier);
    if (!warm) return;
    this.#provisioned.delete(qualifier);
    this.concurrency.provision(
      [...this.#provisioned.values()].reduce((sum, other) => sum + other.requested, 0),
    );
    warm.close();
  }

  stats() {
    const count = (state: Instance['state']) =>
      [...this.#all].filter((instance) => instance.state === state).length;
    return {
      region: this.#config.region,
      instances: this.#all.size,
      starting: count('starting'),
      /** Number of requests whose instance has not begun to start. */
      inLine: this.#onDemand.inLine,
      idle: count('idle'),
      busy: count('busy') + count('claimed'),
      provisioned: this.provisionedConfigs(),
      /** Totals since the pool started. */
      ...this.#totals,
      peakConcurrency: this.concurrency.peak,
      /** Durations of cold starts, from spawn to ready, ms; `null` when there was none. */
      initMs: quantiles(this.#initDurations),
    };
  }

  /** Ends every instance and resolves when none is left. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#onDemand.close();
    for (const warm of this.#provisioned.values()) warm.close();
    const instances = [...this.#all];
    for (const instance of instances) instance.end();
    await Promise.all(instances.map((instance) => instance.ended));
  }

  #claimProvisioned(qualifier: string | undefined): Placement | null {
    const warm = qualifier === undefined ? undefined : this.#provisioned.get(qualifier);
    const instance = warm && [...warm.instances].find(({ state }) => state === 'idle');
    if (!instance || this.concurrency.closed) return null;
    instance.claim();
    return { instance, cold: false };
  }

  async #invoke(qualifier: string | undefined, payload: string): Promise<Invocation> {
    const version = this.resolve(qualifier);
    const requestId = newId('req', this.#clock, this.#random);
    const warm = this.#claimProvisioned(qualifier);
    if (warm === null) this.concurrency.admit();
    const leave = this.concurrency.enter(warm !== null);
    try {
      const placement = warm ?? (await this.#onDemand.place({ qualifier, version }));
      return await this.#run(placement, { version, requestId, payload });
    } finally {
      leave();
    }
  }

  async #run(
    { instance, cold }: Placement,
    request: { version: string; requestId: string; payload: string },
  ): Promise<Invocation> {
    const { version, requestId, payload } = request;
    this.#totals.invocations += 1;
    const failed = await instance.started;
    const beganMs = this.#clock.monotonicMs();
    const outcome: Outcome =
      failed === null ? await instance.run(requestId, payload) : { kind: 'error', error: failed };
    if (outcome.kind === 'error') this.#totals.functionErrors += 1;
    const durationMs = this.#clock.monotonicMs() - beganMs;
    this.#freed(instance);
    return { requestId, version, outcome, durationMs, initMs: cold ? instance.initMs : null };
  }

  #start(version: string, provisionedFor: string | null): Instance {
    const { timeoutMs, initTimeoutMs } = this.#config.function;
    const instance = new Instance({
      version,
      provisionedFor,
      env: {
        ...this.#env,
        AWS_LAMBDA_FUNCTION_VERSION: version,
        AWS_LAMBDA_INITIALIZATION_TYPE:
          provisionedFor === null ? 'on-demand' : 'provisioned-concurrency',
      },
      timeoutMs,
      initTimeoutMs,
      clock: this.#clock,
      onDeath: (dead) => this.#died(dead),
    });
    this.#all.add(instance);
    if (provisionedFor === null) this.#totals.coldStarts += 1;
    instance.started.then((error) => {
      if (error !== null || instance.initMs === null) return;
      this.#initDurations.push(instance.initMs);
      if (this.#initDurations.length > keptColdStarts) this.#initDurations.shift();
    });
    return instance;
  }

  #freed(instance: Instance): void {
    if (instance.state !== 'idle') return;
    if (instance.provisionedFor === null) {
      this.#onDemand.freed(instance);
      return;
    }
    const warm = this.#provisioned.get(instance.provisionedFor);
    if (warm?.keeps(instance)) this.#onDemand.offer(instance);
    else instance.end();
  }

  #died(instance: Instance): void {
    this.#all.delete(instance);
    this.#onDemand.died(instance);
    if (!instance.told) this.#totals.died += 1;
    for (const warm of this.#provisioned.values()) {
      if (warm.instances.has(instance)) warm.died(instance);
    }
  }

  async #reapForever(): Promise<never> {
    const idleLimitMs = (this.#config.idleMinutes * 60_000) / this.#config.timeScale;
    for (;;) {
      await this.#clock.sleep(idleLimitMs / reapsPerIdleTime, this.#closing.signal);
      for (const instance of this.#onDemand.takeIdleFor(idleLimitMs)) {
        this.#totals.reaped += 1;
        instance.end();
      }
    }
  }
}

/** Returns the environment that Lambda sets for the function, with the function's own additions. */
function instanceEnv(config: PoolConfig, codeDir: string): Readonly<Record<string, string>> {
  const { name, memoryMb, handler, env } = config.function;
  const compileCache = process.env['NODE_COMPILE_CACHE'];
  return {
    PATH: process.env['PATH'] ?? '',
    ...(compileCache === undefined ? {} : { NODE_COMPILE_CACHE: compileCache }),
    AWS_REGION: config.awsRegion ?? config.region,
    THROWOVER_REGION: config.region,
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
    LAMBDA_TASK_ROOT: codeDir,
    _HANDLER: handler,
    ...env,
  };
}
