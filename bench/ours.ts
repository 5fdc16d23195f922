/**
 * throwover in its lab: controller, store, guards, doors, functions and gateways all run, as with a
 * user; the writer connects directly to PostgreSQL, as with the other contenders. The controller is
 * a new process for each command. All calls from one region to the other have the link's latency;
 * the controller and the store are in the third place, like the peers' etcd.
 */
import { systemClock } from 'throwover/kernel';
import { Lab } from '../packages/lab/src/world/lab.ts';
import { otherRegion, type RegionName } from '../packages/lab/src/world/map.ts';
import { carryOut, plan, said, switchOver } from '../packages/lab/src/world/operator.ts';
import { type LabOptions, labOptions } from '../packages/lab/src/world/options.ts';
import type { FailsOver, Loss, Switchable } from './contender.ts';
import { type Load, loseUnderLoad, switchUnderLoad } from './load.ts';
import { requestsThroughSwitch } from './wrapped-requests.ts';

/** Longest time from the approval of a failover to the first write, ms. */
const patienceMs = 120_000;

export async function startThrowover(options: {
  readonly dir: string;
  readonly portBase: number;
  readonly pgBin: string | null;
  /** A mandate given ahead of time: nobody is asked after a loss. */
  readonly standing?: LabOptions['standing'];
}): Promise<Switchable & FailsOver> {
  const { standing = null } = options;
  const lab = await Lab.up(
    labOptions({ ...options, standing, latencyMs: 0, lagProfile: 'none', keepWarm: '1s' }),
  );
  return new Throwover(lab);
}

class Throwover implements Switchable, FailsOver {
  readonly name: string;
  readonly #lab: Lab;
  #latencyMs = 0;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.name = lab.options.standing === null ? 'throwover' : 'throwover-standing';
  }

  async setLatency(latencyMs: number): Promise<void> {
    this.#latencyMs = latencyMs;
    await this.#lab.setLatency(latencyMs);
  }

  async switchover(round: number) {
    const from = await this.#lab.active();
    return switchUnderLoad(this.#load(from, round), () => switchOver(this.#lab, otherRegion(from)));
  }

  async wrapped(round: number) {
    const from = await this.#lab.active();
    return requestsThroughSwitch(this.#load(from, round), () =>
      switchOver(this.#lab, otherRegion(from)),
    );
  }

  /**
   * The operator asks for the plan as soon as the region is lost, and approves it when it is shown;
   * with a standing mandate there is no approval.
   */
  async failover(round: number, loss: Loss) {
    const lost = await this.#lab.active();
    const to = otherRegion(lost);
    const measured = await loseUnderLoad(this.#load(lost, round), {
      afterMs: 0,
      lose: async () => {
        if (loss === 'kill') return this.#lab.kill(lost);
        await this.#lab.cut(lost);
        await this.#lab.freeze(lost);
      },
      ...(this.#lab.options.standing === null ? { answer: () => approve(this.#lab, to) } : {}),
    });
    await this.#lab.reset();
    await this.#lab.setLatency(this.#latencyMs);
    return measured;
  }

  close(): Promise<void> {
    return this.#lab.down();
  }

  #load(from: RegionName, round: number): Load {
    const { regions } = this.#lab.map;
    return {
      sides: [regions[from].private.postgres, regions[otherRegion(from)].private.postgres],
      prefix: `throwover-${systemClock.wallMs()}-${round}`,
      patienceMs,
    };
  }
}

/**
 * Most plans that the operator reads: while a region becomes silent, a second plan can show more
 * than the first.
 */
const maxPlans = 3;

/**
 * The operator approves the plan, with every override that it asks for. The loss at risk grows
 * while a region is silent: when that changed the plan, or undid the run, the next plan is
 * approved. The time counts from the first approval.
 */
async function approve(lab: Lab, to: RegionName): Promise<{ readonly approvedAtMs: number }> {
  let firstAtMs: number | null = null;
  for (let plans = 1; ; plans++) {
    const { digest, plan: made } = await plan(lab, 'failover', to);
    const asked = made.guards.flatMap(({ refusals }) =>
      refusals.flatMap(({ override }) => override ?? []),
    );
    const overrides = [...new Set([...asked, 'two-writers'])];
    const approvedAtMs: number = firstAtMs ?? systemClock.monotonicMs();
    firstAtMs = approvedAtMs;
    const { result } = await carryOut(lab, 'failover', to, { digest, overrides });
    if (result.exitCode === 0) return { approvedAtMs };
    if (plans === maxPlans || !/digest-mismatch|loss-above-bound/.test(result.stdout)) {
      throw new Error(said(['failover', '--to', to], result));
    }
  }
}
