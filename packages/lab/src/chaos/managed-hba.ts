import { chown, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from 'throwover/kernel';
import type { Lab } from '../world/lab.ts';
import { otherRegion, type RegionName } from '../world/map.ts';
import { ledgerOf, perform, plannedKind } from '../world/operator.ts';
import { throwover } from '../world/throwover-cli.ts';
import { guardCloses, standbyStreams } from './guard-word.ts';
import { OwnWriter } from './own-writer.ts';
import { failover, type Played, type RoundContext, switched } from './play.ts';
import { readSide } from './sides.ts';
import { violation } from './violations.ts';

/**
 * Time between two copies that configuration management writes, ms: in production half a minute, as
 * in the first round.
 */
const everyMs = { first: 30_000, later: 3_000 };

/** Number of copies after the switch: the guard stops an old primary after the third. */
const restorations = 2;

/**
 * Longest time that a restored file may let writes in, ms: a guard looks once a second; the rest
 * allows for a busy machine.
 */
const longestWindowMs = 5_000;

/** Time between two looks at the file during the switch, ms. */
const lookMs = 5;

/**
 * Configuration management owns pg_hba.conf of the region that is left, and writes its own copy
 * over the guard's lines, during and after the switch. An application that kept the address tries
 * to write all the time. Each acknowledged write is in the new region or in the ledger, each window
 * ends without a person, and `check` fails while the old primary can be opened. In odd rounds the
 * switch is a failover from a region that was cut off, in even rounds a switchover.
 */
export async function managedHba(context: RoundContext): Promise<Played> {
  const { lab, from, round } = context;
  const copy = await ManagedCopy.of(lab, from);
  const writer = new OwnWriter(lab, from, `${from}_${round}`);
  const periodMs = round === 1 ? everyMs.first : everyMs.later;
  try {
    const after = async () => {
      for (let n = 0; n < restorations; n++) {
        await copy.write();
        await writer.tries(1);
        await systemClock.sleep(periodMs);
      }
    };
    const odd = round % 2 === 1;
    const { played, green } = odd
      ? await atFailover(context, after)
      : await atSwitchover(context, copy, after);
    await writer.end();
    const ledger = await ledgerOf(lab);
    const told = new Set(ledger.map(({ key }) => key?.['idempotency_key']));
    const kept = new Set((await readSide(lab.map, played.active)).orders.map(({ key }) => key));
    const gone = writer.acknowledged.filter(({ key }) => !kept.has(key) && !told.has(key));
    const windowMs = copy.longestWindowMs(writer.acknowledged.map(({ sentMs }) => sentMs));
    // A guard counts restorations for ten minutes; a new one does not know those of this round.
    await lab.kill(from);
    await lab.bringBack(from);
    await standbyStreams(lab, from);
    return {
      ...played,
      violations: [
        ...violation(gone.length, `writes of a reopened ${from} are in no database and no ledger`),
        ...(windowMs > longestWindowMs
          ? [`${from} took writes for ${windowMs} ms after its pg_hba.conf was restored`]
          : []),
        ...(green ? [`check was green while ${from} was being opened again and again`] : []),
      ],
    };
  } finally {
    await writer.end();
  }
}

async function atFailover(context: RoundContext, after: () => Promise<void>) {
  let green = false;
  const played = await failover(context, {
    fault: (lab, region) => lab.cut(region),
    mend: async (lab, region) => {
      await lab.restore(region);
      await guardCloses(lab, region);
      const checked = throwover(['check'], { cwd: lab.options.dir });
      await after();
      const last = await throwover(['check'], { cwd: lab.options.dir });
      green = (await checked).exitCode === 0 || last.exitCode === 0;
    },
  });
  return { played, green };
}

async function atSwitchover(
  { lab, from }: RoundContext,
  copy: ManagedCopy,
  after: () => Promise<void>,
) {
  const to = otherRegion(from);
  const moving = perform(lab, await plannedKind(lab, to), to);
  const ended = new AbortController();
  // The worst moment: right after the fence has closed the database, before anything was promoted.
  const [moved] = await Promise.all([
    moving.finally(() => ended.abort()),
    copy.writeWhenChanged(ended.signal),
  ]);
  await after();
  return { played: switched(moved, to), green: false };
}

/** The copy of configuration management: the file from when the region was active and open. */
class ManagedCopy {
  readonly #machine: ReturnType<Lab['machine']>;
  readonly #file: string;
  readonly #text: string;
  /** When the copy was written over the guard's file, wall ms. */
  readonly #writtenMs: number[] = [];

  private constructor(machine: ReturnType<Lab['machine']>, file: string, text: string) {
    this.#machine = machine;
    this.#file = file;
    this.#text = text;
  }

  static async of(lab: Lab, region: RegionName): Promise<ManagedCopy> {
    const machine = lab.machine(region);
    const file = join(machine.dataDir, 'pg_hba.conf');
    return new ManagedCopy(machine, file, await readFile(file, 'utf8'));
  }

  /** Puts another file under the same name, as these tools do, and reloads. */
  async write(): Promise<void> {
    const { uid, gid, mode } = await stat(this.#file);
    const fresh = `${this.#file}.managed`;
    await writeFile(fresh, this.#text, { mode });
    await chown(fresh, uid, gid);
    await rename(fresh, this.#file);
    const postmaster = await this.#machine.postmaster();
    this.#writtenMs.push(systemClock.wallMs());
    if (postmaster !== null) process.kill(postmaster, 'SIGHUP');
  }

  /**
   * Writes the copy once, as soon as the guard has added its lines; not at all when it never does.
   */
  async writeWhenChanged(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if ((await readFile(this.#file, 'utf8').catch(() => this.#text)) !== this.#text) {
        await this.write();
        return;
      }
      await systemClock.sleep(lookMs);
    }
  }

  /** Returns the longest time from a copy to the last of these moments before the next copy, ms. */
  longestWindowMs(sentMs: readonly number[]): number {
    const windows = this.#writtenMs.map((fromMs, n) => {
      const untilMs = this.#writtenMs[n + 1] ?? Number.POSITIVE_INFINITY;
      const within = sentMs.filter((atMs) => atMs >= fromMs && atMs < untilMs);
      return within.length === 0 ? 0 : Math.round(Math.max(...within) - fromMs);
    });
    return Math.max(0, ...windows);
  }
}
