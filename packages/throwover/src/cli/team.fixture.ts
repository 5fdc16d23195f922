import {
  type EvidenceKind,
  type EvidenceLog,
  type EvidenceSample,
  maxSamplesACall,
  wallMsOf,
} from '../evidence/samples.ts';
import { isThrowoverError } from '../kernel/kernel.ts';
import { World } from '../runs/runs.fixture.ts';
import { wholeFile } from '../service/service.fixture.ts';
import { parseService } from '../service/service.ts';
import type { CommandContext } from './context.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Session } from './session.ts';
import { worldSession } from './world-session.fixture.ts';

/** A team on virtual time: its throwover.yaml, its runs, its samples and its records, all in memory. */
export class Team {
  readonly world: World;
  readonly kept: { readonly kind: EvidenceKind; readonly sample: EvidenceSample<EvidenceKind> }[] =
    [];
  readonly #session: Session;
  #active = 'east';

  private constructor(world: World) {
    this.world = world;
    const base = worldSession(world);
    this.#session = { ...base, parts: { ...base.parts, evidence: this.#evidence() } };
  }

  static async of(onCall: string[]): Promise<Team> {
    const team = new Team(await new World().begin());
    team.declare({}, onCall);
    return team;
  }

  /** What throwover.yaml says of the operating test, and who is on call. */
  declare(
    evidence: unknown,
    onCall: readonly string[] = this.#session.loaded.service.onCall,
  ): void {
    const { service } = this.#session.loaded;
    service.onCall = [...onCall];
    service.evidence = parseService(
      `${minimal}\nevidence: ${JSON.stringify(evidence)}\n`,
      'throwover.yaml',
    ).evidence;
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

  /** A switchover to the other region, by the real engine. */
  async switchOver(): Promise<void> {
    const { status } = await this.world.run('switchover', { from: this.#active });
    if (status !== 'succeeded') throw new Error(`the switchover ${status}`);
    this.#active = this.#active === 'east' ? 'west' : 'east';
  }

  /** What a command answers: exit code and text; a refusal is its code. */
  async ask(
    command: (context: CommandContext) => Promise<ExitCode>,
  ): Promise<{ code: ExitCode | string; text: string; result: unknown }> {
    let text = '';
    let result: unknown = null;
    const output = {
      json: false,
      say: () => {},
      event: () => {},
      result: (value: unknown, told: string) => {
        text = told;
        result = value;
      },
    };
    const context = { session: this.#session, output, terminal: {} as never };
    try {
      return { code: await command(context), text, result };
    } catch (error) {
      if (!isThrowoverError(error)) throw error;
      return { code: error.code, text: error.message, result: error.evidence };
    }
  }

  #evidence(): EvidenceLog {
    return {
      add: async (kind, samples) => this.add(kind, ...samples),
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
          .slice(skip, skip + limit) as EvidenceSample<K>[];
      },
    };
  }
}

const minimal = wholeFile.replace(/^steps:[\s\S]*$/m, '');
