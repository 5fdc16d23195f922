import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Audit } from '../evidence/audit.ts';
import { truthNames } from '../service/service.ts';
import { auditCommand } from './audit.ts';
import { Team } from './team.fixture.ts';
import { taskDone, weekCommand } from './week.ts';

const ana = 'ana@example.com';
const bo = 'bo@example.com';

/** What each truth of this team changes: the panel's metric comes from runs, or from a survey. */
const real = () => ({
  panels: {
    caches: { metric: 'resolver-holdover' },
    cold: { metric: 'warm-up' },
    gap: { metric: 'writer-gap' },
    backlog: { metric: 'webhook-backlog' },
    length: { metric: 'run-duration' },
  } as Record<string, { metric: string; fresh?: string }>,
  truths: {
    dns: truth('caches', 'flip'),
    capacity: truth('cold', 'checkpoint'),
    replication: truth('gap', 'fence'),
    webhooks: truth('backlog', 'deliver-webhooks'),
    people: truth('length', 'promote'),
  },
});
const truth = (panel: string, step: string) => ({
  panel,
  step,
  owner: ana,
  task: { name: 'look', title: 'Look at the panel', how: `open ${panel}`, minutes: 10 },
});

let team: Team;
const auditNow = async () => {
  const { code, text, result } = await team.ask((context) =>
    auditCommand(context, { format: 'text' }),
  );
  const { lines, slides } = result as Audit;
  const missing = lines
    .filter(({ ok }) => !ok)
    .map(({ subject, rule }) => `${subject.replace('truth ', '')} ${rule}`);
  return { code, text, slides, missing };
};
const survey = () =>
  team.add('resolver', {
    atWallMs: team.nowMs(),
    vantage: 'here',
    resolver: '192.0.2.53:53',
    identity: '192.0.2.53',
    behaviour: 'honest',
    clampLifeSeconds: null,
    ttlSeconds: 60,
    holdoversLifeMs: [61_000],
    trials: 1,
    finished: true,
  });
const warmed = () =>
  team.add('warm-up', {
    runId: null,
    region: 'west',
    strategy: 'provisioned',
    instances: 4,
    readyMs: 20_000,
    atWallMs: team.nowMs(),
  });
const tasksBy = async (as: string) => {
  for (const name of truthNames) {
    await team.ask((context) => taskDone(context, { task: `truth ${name}`, as }));
  }
};
const everythingDone = async () => {
  await team.switchOver();
  survey();
  warmed();
  team.declare(real());
  await tasksBy(ana);
};

beforeEach(async () => {
  team = await Team.of([ana, bo]);
});

describe('throwover audit', () => {
  test('calls everything of a fresh project a slide, and ends with 1', async () => {
    const { code, slides, missing, text } = await auditNow();
    expect(code).toBe(1);
    expect(slides).toEqual(truthNames.map((name) => `truth ${name}`));
    expect(missing).toHaveLength(5 * 4);
    expect(text).toMatchSnapshot();
  });

  test('each line is made true by doing what it says, ending in 0', async () => {
    let before = (await auditNow()).missing.length;
    const gone: string[] = [];
    const after = async (what: string, act: () => Promise<void> | void) => {
      await act();
      const { missing } = await auditNow();
      gone.push(`${what}: ${before - missing.length}`);
      before = missing.length;
    };
    // Named, and still a slide: nothing is fresh, nothing ran, nobody did anything.
    await after('declared', () => team.declare(real()));
    await after('a switchover', () => team.switchOver());
    await after('a survey', survey);
    await after('a warm-up', warmed);
    await after('the tasks', () => tasksBy(ana));
    expect(gone).toEqual([
      'declared: 5',
      'a switchover: 8',
      'a survey: 1',
      'a warm-up: 1',
      'the tasks: 5',
    ]);
    const { code, text } = await auditNow();
    expect(code).toBe(0);
    expect(text).toMatchSnapshot();
  });

  test.each(truthNames)('%s: each line comes back when it is undone', async (name) => {
    await everythingDone();
    expect((await auditNow()).missing).toEqual([]);
    const undo = async (change: (declared: ReturnType<typeof real>) => void) => {
      const declared = real();
      change(declared);
      team.declare(declared);
      const { missing, code } = await auditNow();
      expect(code).toBe(1);
      return missing;
    };
    const without = (key: string) => (declared: ReturnType<typeof real>) => {
      delete (declared.truths[name] as Record<string, unknown>)[key];
    };
    expect(await undo(without('panel'))).toEqual([`${name} panel`]);
    expect(await undo(without('step'))).toEqual([`${name} step`]);
    expect(await undo(without('task'))).toEqual([`${name} task`]);
    // Without an owner nobody's task counts either.
    expect(await undo(without('owner'))).toEqual([`${name} owner`, `${name} task`]);
    const { panel } = real().truths[name];
    expect(await undo(({ panels }) => delete panels[panel])).toEqual([`${name} panel`]);
    expect(
      await undo((declared) => {
        declared.truths[name].step = 'salvage';
      }),
    ).toEqual([`${name} step`]);
    // Somebody else's word is not the owner's.
    expect(
      await undo((declared) => {
        declared.truths[name].owner = bo;
      }),
    ).toEqual([`${name} task`]);
    team.declare(real());
    expect((await auditNow()).code).toBe(0);
  });

  test('time undoes it: tasks and surveys after 7 days, runs after a quarter', async () => {
    await everythingDone();
    await team.days(7.01);
    expect((await auditNow()).missing).toEqual(
      ['dns panel', ...truthNames.map((name) => `${name} task`)].sort(byTruth),
    );
    await team.days(86);
    const { missing, text } = await auditNow();
    expect(missing).toHaveLength(5 * 3);
    expect(text).toContain('fence ran 93 d ago');
    await team.switchOver();
    survey();
    warmed();
    await tasksBy(ana);
    expect((await auditNow()).code).toBe(0);
  });

  test('an owner who leaves the rota makes slides of what that person owned', async () => {
    await everythingDone();
    team.declare(real(), [bo]);
    const { missing } = await auditNow();
    expect(missing).toEqual(truthNames.map((name) => `${name} owner`));
  });

  test('as SARIF: a result for each line that is missing, each with a known rule', async () => {
    const { text, code } = await team.ask((context) => auditCommand(context, { format: 'sarif' }));
    expect(code).toBe(1);
    const [run] = JSON.parse(text).runs;
    const rules = run.tool.driver.rules.map(({ id }: { id: string }) => id);
    expect(run.results).toHaveLength(20);
    for (const { ruleId, message } of run.results) {
      expect(rules).toContain(ruleId);
      expect(message.text).toMatch(/^truth [a-z]+ is a slide: /);
    }
  });

  test('as JUnit: well-formed, a suite a subject, a failure for each line that is missing', async () => {
    team.declare({ truths: { dns: { ...truth('p', 'flip'), owner: 'a<b>&"c"' } } });
    const { text } = await team.ask((context) => auditCommand(context, { format: 'junit' }));
    expect(XMLValidator.validate(text)).toBe(true);
    const parsed = new XMLParser({ ignoreAttributes: false }).parse(text);
    expect(parsed.testsuites.testsuite).toHaveLength(5);
    expect(parsed.testsuites['@_failures']).toBe('20');
    expect(text).toContain('a&lt;b&gt;&amp;&quot;c&quot; is not on call');
  });
});

describe('throwover week', () => {
  const weekNow = async (person?: string, format: 'text' | 'markdown' = 'text') =>
    (await team.ask((context) => weekCommand(context, { person, format }))).text;

  test('a fresh project: somebody must be named', async () => {
    expect(await weekNow()).toContain('nobody is named');
    expect(await weekNow('ana')).toBe('The week of 2026-01-01: nothing to do.');
  });

  test('tasks stand with why, how and how long, and are ticked off by word', async () => {
    await everythingDone();
    await team.days(8);
    await team.ask((context) => taskDone(context, { task: 'truth dns', as: 'ana' }));
    const text = await weekNow('ana');
    expect(text).toMatchSnapshot();
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(await weekNow('ana', 'markdown')).toMatchSnapshot();
  });

  test('nobody who is not on call gets or gives a word', async () => {
    const { code } = await team.ask((context) =>
      taskDone(context, { task: 'truth dns', as: 'eve' }),
    );
    expect(code).toBe('owner-not-on-call');
    const unknown = await team.ask((context) => taskDone(context, { task: 'truth x', as: 'ana' }));
    expect(unknown.code).toBe('usage-wrong');
  });
});

function byTruth(a: string, b: string): number {
  const at = (text: string) => truthNames.findIndex((name) => text.startsWith(name));
  return at(a) - at(b) || a.localeCompare(b);
}
