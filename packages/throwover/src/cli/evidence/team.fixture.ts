import { drillErrors } from '../../drills/errors.ts';
import { isThrowoverError } from '../../kernel/kernel.ts';
import type { Notifier } from '../../notify/notify.ts';
import {
  type EvidenceKind,
  type EvidenceLog,
  type EvidenceSample,
  maxSamplesACall,
  samplesOf,
  wallMsOf,
} from '../../records/samples.ts';
import { World } from '../../runs/runs.fixture.ts';
import { wholeFile } from '../../service/service.fixture.ts';
import { parseService } from '../../service/service.ts';
import type { DoorCounts } from '../../traffic/door.ts';
import type { LatencyPiece } from '../../traffic/door-wire.ts';
import type { CommandContext } from '../context.ts';
import { drillStart } from '../drill/drill-start.ts';
import type { ExitCode } from '../exit-codes.ts';
import { type Hand, handsOn } from '../hands.fixture.ts';
import { runbook } from '../run/runbook.ts';
import type { Session } from '../session.ts';
import { outputOf } from '../terminal.ts';
import { worldSession } from '../world-session.fixture.ts';

/** A team on virtual time: its throwover.yaml, its runs, its samples and its records, all in memory. */
export class Team {
  readonly world: World;
  readonly kept: { readonly kind: EvidenceKind; readonly sample: EvidenceSample<EvidenceKind> }[] =
    [];
  readonly session: Session;
  /** Counts of every door in a look of 10 s; by default 100 requests, none failed. */
  health: Partial<LatencyPiece> = {};
  /**
   * Calendars and printed runbooks by name, and values of PromQL queries; one that is absent cannot
   * be read.
   */
  readonly calendars = new Map<string, string>();
  readonly printed = new Map<string, string>();
  readonly series = new Map<string, readonly number[]>();
  #active = 'east';

  private constructor(world: World, notifiers: readonly Notifier[]) {
    this.world = world;
    const base = worldSession(world, '', notifiers);
    // An alias shows no TTL, so no surveyed resolver is asked: that would use a real network on
    // virtual time.
    base.loaded.service.traffic.type = 'CNAME';
    this.session = {
      ...base,
      parts: {
        ...base.parts,
        evidence: this.#evidence(),
        doorCounts: [this.#door()],
        drills: {
          calendar: async (name) => known(this.calendars, name),
          series: async (_, query) => known(this.series, query),
          printed: async (file) => known(this.printed, file),
        },
      },
    };
  }

  static async of(
    onCall: string[],
    { notifiers = [] }: { notifiers?: readonly Notifier[] } = {},
  ): Promise<Team> {
    const team = new Team(await new World().begin(), notifiers);
    team.declare({}, onCall);
    return team;
  }

  /** Sets in throwover.yaml where a week is sent, and the environment with its secrets. */
  sendTo(week: unknown, env: Readonly<Record<string, string>>): void {
    const text = `${minimal}\nweek: ${JSON.stringify(week)}\n`;
    this.session.loaded.service.week = parseService(text, 'throwover.yaml').week;
    Object.assign(this.session.env, env);
  }

  /**
   * Sets in throwover.yaml the operating test, the people on call, and the drills; left out:
   * unchanged.
   */
  declare(
    evidence: unknown,
    onCall: readonly string[] = this.session.loaded.service.onCall,
    drills?: unknown,
  ): void {
    const { service } = this.session.loaded;
    const blocks = Object.entries({ evidence, ...(drills == null ? {} : { drills }) });
    const more = blocks.map(([name, block]) => `${name}: ${JSON.stringify(block)}`).join('\n');
    const read = parseService(`${minimal}\n${more}\n`, 'throwover.yaml');
    service.onCall = [...onCall];
    service.evidence = read.evidence;
    if (drills === null) delete service.drills;
    else if (drills !== undefined) service.drills = read.drills;
  }

  add<K extends EvidenceKind>(kind: K, ...samples: readonly EvidenceSample<K>[]): void {
    for (const sample of samples) this.kept.push({ kind, sample });
  }

  nowMs(): number {
    return this.world.clock.wallMs();
  }

  async days(count: number): Promise<void> {
    await this.world.clock.advance(count * 86_400_000);
  }

  /** Makes a switchover to the other region with the real engine. */
  async switchOver(): Promise<void> {
    const { status } = await this.world.run('switchover', { from: this.#active });
    if (status !== 'succeeded') throw new Error(`the switchover ${status}`);
    this.#active = this.#active === 'east' ? 'west' : 'east';
  }

  /** Prints the runbook for the way from the active region, as `throwover runbook` does. */
  async print(file: string): Promise<void> {
    const { text } = await this.ask((context) =>
      runbook.run(context, { kind: 'switchover', format: 'markdown' }),
    );
    this.printed.set(file, text);
  }

  /** Drives a whole drill, there and back, without a mistake. */
  async driveWell(who: string): Promise<void> {
    const other = this.#active === 'east' ? 'west' : 'east';
    const { code, text } = await this.drive([
      { when: /Type your name/, type: who },
      { when: /Which region is active\?/, type: this.#active },
      { when: /to begin\./, type: `checkout to ${other}, and back` },
      { when: /Which region is active now\?/, type: other },
      { when: /to begin\./, type: `checkout to ${this.#active}` },
    ]);
    if (code !== 0) throw new Error(`the drill ended with ${code}:\n${text}`);
  }

  /**
   * Drives a drill with the real `drill start`, typed by scripted hands; `left`: questions that
   * were never asked.
   */
  async drive(
    script: readonly Hand[],
    options: { override?: readonly string[] } = {},
  ): Promise<{ code: ExitCode | string; text: string; left: readonly string[] }> {
    const { clock } = this.world;
    const hands = handsOn(clock, script);
    const { terminal } = hands;
    const context = { session: this.session, terminal, output: outputOf(terminal, false) };
    const given = { override: options.override ?? [], to: undefined };
    const running = drillStart.run(context, given).catch((error: unknown) => {
      if (isThrowoverError(error)) return error.code;
      throw error;
    });
    const code = await clock.until(running, 86_400_000);
    return { code, text: hands.text(), left: hands.left() };
  }

  #door(): DoorCounts {
    const quiet = { requests: 100, failed: 0, coldStarts: null, meanMs: 20, p50Ms: 18, p99Ms: 90 };
    const latency: DoorCounts['latency'] = async ({ sinceWallMs }) => [
      { fromWallMs: sinceWallMs, ...quiet, ...this.health },
    ];
    return {
      region: 'east',
      stragglers: async () => [],
      connections: async () => ({
        ...{ atWallMs: this.nowMs(), open: 0, agesMs: [], requests: 0, requestsOnOldShare: null },
      }),
      beacons: async () => [],
      latency,
    };
  }

  /** Returns the answer of a command: exit code and text; for a refusal its error code. */
  async ask(
    command: (context: CommandContext) => Promise<ExitCode>,
  ): Promise<{ code: ExitCode | string; text: string; result: unknown }> {
    let text = '';
    let result: unknown = null;
    let said = '';
    const output = {
      json: false,
      say: (line: string) => {
        said += `${line}\n`;
      },
      event: () => {},
      result: (value: unknown, told: string) => {
        text = told;
        result = value;
      },
    };
    const context = { session: this.session, output, terminal: {} as never };
    try {
      return { code: await command(context), text, result };
    } catch (error) {
      if (!isThrowoverError(error)) throw error;
      return { code: error.code, text: said + error.message, result: error.evidence };
    }
  }

  #evidence(): EvidenceLog {
    return {
      add: async (kind, samples) => this.add(kind, ...samplesOf(kind, samples)),
      list: async <K extends EvidenceKind>(
        kind: K,
        {
          sinceWallMs = 0,
          untilWallMs = Number.MAX_VALUE,
          limit = maxSamplesACall,
          skip = 0,
        }: Parameters<EvidenceLog['list']>[1] = {},
      ) => {
        const at = (sample: EvidenceSample<EvidenceKind>) => wallMsOf(sample) ?? 0;
        return this.kept
          .filter((each) => each.kind === kind)
          .map(({ sample }) => sample)
          .filter((sample) => at(sample) >= sinceWallMs && at(sample) < untilWallMs)
          .sort((a, b) => at(b) - at(a))
          .slice(skip, skip + Math.min(limit, maxSamplesACall)) as EvidenceSample<K>[];
      },
    };
  }
}

const minimal = wholeFile.replace(/^steps:[\s\S]*$/m, '');

/** Throws the error of a real source that does not answer. */
function known<T>(answers: ReadonlyMap<string, T>, name: string): T {
  const answer = answers.get(name);
  if (answer !== undefined) return answer;
  throw drillErrors.make('calendar-away', `${name} does not answer`, { name });
}
