import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Audit } from '../../improvement/audit.ts';
import { truthNames } from '../../service/service.ts';
import { addFinding, closeFinding, taskFinding, waiveFinding } from '../drill/finding.ts';
import { auditCommand } from './audit.ts';
import { Team } from './team.fixture.ts';
import { taskDone, weekCommand } from './week.ts';

const ana = 'ana@example.com';
const bo = 'bo@example.com';

/**
 * The changes for each truth of this team: the panel's metric comes from runs, or from a survey.
 */
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

/** Drills that may be driven at any time of day. */
const drills = (more: Record<string, unknown> = {}, rota: Record<string, unknown> = {}) => ({
  every: 'FREQ=MONTHLY;INTERVAL=3',
  from: '2026-01-01',
  zone: 'UTC',
  windows: [{ days: ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'], from: '00:00', until: '23:59' }],
  soak: '1m',
  printed: ['by-hand.md'],
  rota,
  ...more,
});

let team: Team;
const auditNow = async () => {
  const { code, text, result } = await team.ask((context) =>
    auditCommand.run(context, { format: 'text' }),
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
    await team.ask((context) => taskDone.run(context, { task: `truth ${name}`, as }));
  }
};
const print = () => team.print('by-hand.md');
/** Raises a finding today and returns its id. */
const raise = async (text: string): Promise<string> => {
  const { result } = await team.ask((context) => addFinding.run(context, { text, as: bo }));
  return (result as { finding: string }).finding;
};
const everythingDone = async () => {
  survey();
  warmed();
  team.declare(real(), [ana, bo], drills());
  await print();
  await team.driveWell('ana');
  await print();
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
    expect(missing).toHaveLength(5 * 4 + 1);
    expect(missing.at(-1)).toBe('people drill');
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
    // Named but still a slide: no data is fresh, no step ran, nobody did a task.
    await after('declared', () => team.declare(real()));
    // No drill, no drivers, nothing printed: three lines instead of one.
    await after('drills declared', () => team.declare(real(), [ana, bo], drills()));
    await after('a runbook printed', print);
    await after('a drill', () => team.driveWell('ana'));
    await after('printed again', print);
    await after('a survey', survey);
    await after('a warm-up', warmed);
    await after('the tasks', () => tasksBy(ana));
    expect(gone).toEqual([
      'declared: 5',
      'drills declared: -2',
      'a runbook printed: 1',
      // Its two runs opened two epochs, so that the printed runbook is out of date.
      'a drill: 9',
      'printed again: 1',
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
    // Without an owner, no task counts either.
    expect(await undo(without('owner'))).toEqual([`${name} owner`, `${name} task`]);
    const { panel } = real().truths[name];
    expect(await undo(({ panels }) => delete panels[panel])).toEqual([`${name} panel`]);
    expect(
      await undo((declared) => {
        declared.truths[name].step = 'salvage';
      }),
    ).toEqual([`${name} step`]);
    // A statement of another person does not count as the owner's.
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
    expect(missing).toHaveLength(5 * 3 + 1);
    expect(missing).toContain('people drill');
    expect(text).toContain('fence ran 93 d ago');
    expect(text).toContain('went there and back 93 d ago');
    await team.driveWell('bo');
    await print();
    survey();
    warmed();
    await tasksBy(ana);
    expect((await auditNow()).code).toBe(0);
  });

  describe('people', () => {
    const missing = async () => (await auditNow()).missing;
    const declared = (more: Record<string, unknown>, rota: Record<string, unknown> = {}) =>
      team.declare(real(), [ana, bo], drills(more, rota));

    beforeEach(everythingDone);

    test('without `drills:` it is a slide, by name', async () => {
      team.declare(real(), [ana, bo], null);
      const { slides, text } = await auditNow();
      expect(slides).toEqual(['truth people']);
      expect(text).toContain('no drills are declared: nobody practises');
      declared({});
      expect(await missing()).toEqual([]);
    });

    test('a drill that was aborted is none', async () => {
      await team.days(91);
      await team.drive([
        { when: /Type your name/, type: 'bo' },
        { when: /Which region is active\?/, type: 'east' },
        { when: /to begin\./, type: 'checkout to west, and back' },
        { when: /Which region is active now\?/, type: 'abort an incident elsewhere' },
      ]);
      await team.days(2);
      const { text } = await auditNow();
      expect(text).toContain('NO  drill    D');
      expect(text).toContain('went there and back 93 d ago; at most 92 d');
      // Tried again in another window, by a person who did not drive the last one.
      await team.driveWell('ana');
      expect(await missing()).not.toContain('people drill');
    });

    test('who drove counts: a share that is declared, else what the policy gives', async () => {
      declared({}, { droveShare: 1 });
      const { missing: less, text } = await auditNow();
      expect(less).toEqual(['people drivers']);
      expect(text).toContain('1 of 2 drove in 180 d; at least 2');
      await team.days(90);
      await team.driveWell('bo');
      expect(await missing()).not.toContain('people drivers');
      await team.days(91);
      expect(await missing()).toContain('people drivers');
    });

    test('a rota that cannot be read is not known', async () => {
      declared({}, { calendar: 'rota.ics' });
      const { missing: less, text } = await auditNow();
      expect(less).toEqual(['people drivers']);
      expect(text).toContain('the rota is not known: rota.ics does not answer');
    });

    test('a finding without an owner for 14 days, or past its date, until it is settled', async () => {
      const first = await raise('The TTL was 300');
      await team.days(13.9);
      expect(await missing()).not.toContain('people findings');
      await team.days(0.2);
      expect((await auditNow()).text).toContain(`${first} has no owner for 14 d`);
      const given = { finding: first, owner: 'bo', as: ana };
      await team.ask((context) => taskFinding.run(context, { ...given, due: '2026-01-20' }));
      expect(await missing()).not.toContain('people findings');
      await team.days(7);
      expect((await auditNow()).text).toContain(`${first} is 26 h past its date`);
      // A person who leaves the rota owns nothing.
      await team.ask((context) => taskFinding.run(context, { ...given, due: '2026-12-01' }));
      expect(await missing()).not.toContain('people findings');
      team.declare(real(), [ana]);
      expect((await auditNow()).text).toContain(`${first} has no owner for 21 d`);
      team.declare(real(), [ana, bo]);
      const closing = { finding: first, note: 'it is 60 now', as: bo };
      await team.ask((context) => closeFinding.run(context, closing));
      expect(await missing()).not.toContain('people findings');
      declared({ findingOwnerWithin: '1d' });
      const second = await raise('Slow');
      await team.days(1.1);
      expect(await missing()).toContain('people findings');
      await team.ask((c) => waiveFinding.run(c, { finding: second, reason: 'old disk', as: ana }));
      expect(await missing()).not.toContain('people findings');
    });

    test('a printed runbook that is no longer that of today, or not there', async () => {
      await team.switchOver();
      const { missing: less, text } = await auditNow();
      expect(less).toEqual(['people runbook']);
      expect(text.replace(/\s+/g, ' ')).toContain('this is the way that was gone already');
      await print();
      expect(await missing()).toEqual([]);
      team.printed.set('by-hand.md', `${team.printed.get('by-hand.md')}scribbled over`);
      expect((await auditNow()).text).toContain('was changed after it was printed');
      expect(await missing()).toEqual(['people runbook']);
      team.printed.clear();
      expect((await auditNow()).text).toContain('by-hand.md does not answer');
      declared({ printed: [] });
      expect((await auditNow()).text).toContain('none is named');
      await print();
      declared({});
      expect(await missing()).toEqual([]);
    });

    test('SARIF and JUnit carry its lines', async () => {
      await raise('The TTL was 300');
      await team.days(15);
      const { text: sarif } = await team.ask((c) => auditCommand.run(c, { format: 'sarif' }));
      const { results, tool } = JSON.parse(sarif).runs[0];
      const ids = results.map(({ ruleId }: { ruleId: string }) => ruleId);
      expect(ids).toContain('findings');
      const known = tool.driver.rules.map(({ id }: { id: string }) => id);
      expect(known).toEqual(expect.arrayContaining(ids));
      const { text: junit } = await team.ask((c) => auditCommand.run(c, { format: 'junit' }));
      const parsed = new XMLParser({ ignoreAttributes: false }).parse(junit);
      const suite = parsed.testsuites.testsuite.at(-1);
      const named = (name: string) =>
        suite.testcase.find((each: Record<string, unknown>) => each['@_name'] === name);
      const late = named('no finding past its date, or too long without an owner');
      expect(late.failure['@_message']).toContain('has no owner for 15 d');
      expect(named('printed runbooks that are those of today').failure).toBeUndefined();
    });
  });

  test('an owner who leaves the rota makes slides of what that person owned', async () => {
    await everythingDone();
    team.declare(real(), [bo]);
    const { missing } = await auditNow();
    // The remaining people have not driven, and the printed runbook names the person who left.
    expect(missing).toEqual([
      ...truthNames.map((name) => `${name} owner`),
      'people drivers',
      'people runbook',
    ]);
  });

  test('as SARIF: a result for each line that is missing, each with a known rule', async () => {
    const { text, code } = await team.ask((context) =>
      auditCommand.run(context, { format: 'sarif' }),
    );
    expect(code).toBe(1);
    const [run] = JSON.parse(text).runs;
    const rules = run.tool.driver.rules.map(({ id }: { id: string }) => id);
    expect(run.results).toHaveLength(21);
    for (const { ruleId, message } of run.results) {
      expect(rules).toContain(ruleId);
      expect(message.text).toMatch(/^truth [a-z]+ is a slide: /);
    }
  });

  test('as JUnit: well-formed, a suite a subject, a failure for each line that is missing', async () => {
    team.declare({ truths: { dns: { ...truth('p', 'flip'), owner: 'a<b>&"c"' } } });
    const { text } = await team.ask((context) => auditCommand.run(context, { format: 'junit' }));
    expect(XMLValidator.validate(text)).toBe(true);
    const parsed = new XMLParser({ ignoreAttributes: false }).parse(text);
    expect(parsed.testsuites.testsuite).toHaveLength(5);
    expect(parsed.testsuites['@_failures']).toBe('21');
    expect(text).toContain('a&lt;b&gt;&amp;&quot;c&quot; is not on call');
  });
});

describe('throwover week', () => {
  const weekNow = async (person?: string, format: 'text' | 'markdown' = 'text') =>
    (await team.ask((context) => weekCommand.run(context, { person, format }))).text;

  test('a fresh project: somebody must be named', async () => {
    expect(await weekNow()).toContain('nobody is named');
    expect(await weekNow('ana')).toBe('The week of 2026-01-01: nothing to do.');
  });

  test('tasks stand with why, how and how long, and are ticked off by word', async () => {
    await everythingDone();
    await team.days(8);
    await team.ask((context) => taskDone.run(context, { task: 'truth dns', as: 'ana' }));
    const text = await weekNow('ana');
    expect(text).toMatchSnapshot();
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(await weekNow('ana', 'markdown')).toMatchSnapshot();
  });

  test('nobody who is not on call gets or gives a word', async () => {
    const { code } = await team.ask((context) =>
      taskDone.run(context, { task: 'truth dns', as: 'eve' }),
    );
    expect(code).toBe('owner-not-on-call');
    const unknown = await team.ask((context) =>
      taskDone.run(context, { task: 'truth x', as: 'ana' }),
    );
    expect(unknown.code).toBe('usage-wrong');
  });
});

function byTruth(a: string, b: string): number {
  const at = (text: string) => truthNames.findIndex((name) => text.startsWith(name));
  return at(a) - at(b) || a.localeCompare(b);
}
