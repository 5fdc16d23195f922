import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Notice } from '../../notify/notify.ts';
import { FakeGitHub } from '../../providers/github/github.fixture.ts';
import { addFinding, closeFinding, taskFinding } from '../drill/finding.ts';
import { Team } from './team.fixture.ts';
import { taskDone } from './week.ts';
import { sendWeek } from './week-send.ts';

const ana = 'ana@example.com';
const bo = 'bo@example.com';
const evidence = {
  truths: {
    people: {
      owner: ana,
      task: { name: 'ask', title: 'Ask who drives next', how: 'throwover drill next' },
    },
  },
};

let team: Team;
let github: FakeGitHub;
let notices: Notice[];
let deaf: boolean;
beforeEach(async () => {
  notices = [];
  deaf = false;
  github = new FakeGitHub('secret-token');
  const api = await github.listen();
  const notifier = {
    name: 'one',
    kinds: ['week'],
    send: async (notice: Notice) => {
      if (deaf) throw new Error('answered 500');
      notices.push(notice);
    },
  } as const;
  team = await Team.of([ana, bo], { notifiers: [notifier] });
  team.declare(evidence);
  const logins = { [ana]: 'ana-gh' };
  const declared = { repository: 'acme/checkout', token: 'env:GITHUB_TOKEN', api, logins };
  team.sendTo({ github: declared }, { GITHUB_TOKEN: 'secret-token' });
});
afterEach(() => github.close());

const send = () => team.ask(sendWeek);
const titled = (title: string) => github.issues.filter((issue) => issue.title.includes(title));
const only = (title: string) => {
  const found = titled(title);
  expect(found).toHaveLength(1);
  return found[0] as (typeof found)[number];
};
const weekly = 'checkout: Ask who drives next';
const ask = (as: string) => team.ask((c) => taskDone.run(c, { task: 'truth people', as }));

describe('as issues', () => {
  test('one a task, with its owner; sent again nothing is made twice', async () => {
    const { code, text } = await send();
    expect(code).toBe(0);
    expect(text).toMatch(/Issues in acme\/checkout: made #1( #\d+)+\./);
    const made = only(weekly);
    expect(made.assignees).toEqual([{ login: 'ana-gh' }]);
    expect(made.body).toMatchSnapshot();
    const count = github.issues.length;
    expect((await send()).text).toContain('nothing to change');
    expect(github.issues).toHaveLength(count);
  });

  test('changed in place, closed with its evidence, opened again when that is gone', async () => {
    await send();
    const { number } = only(weekly);
    await team.days(2);
    await ask(ana);
    expect((await send()).text).toContain(`closed #${number}`);
    expect(only(weekly)).toMatchObject({ state: 'closed', state_reason: 'completed' });
    expect((await send()).text).toContain('nothing to change');
    await team.days(7.1);
    expect((await send()).text).toContain(`opened again #${number}`);
    expect(only(weekly)).toMatchObject({ number, state: 'open' });
    expect(only(weekly).body).toContain('was done 7 d ago');
    await team.days(1);
    expect((await send()).text).toContain(`changed #${number}`);
    expect(only(weekly).body).toContain('was done 8 d ago');
  });

  test('closing one by hand is no evidence', async () => {
    await send();
    only(weekly).state = 'closed';
    expect((await send()).text).toMatch(/opened again #\d+\./);
    expect(only(weekly).state).toBe('open');
  });

  test('a finding: to be owned, to be settled, then closed; what is typed in it reaches nobody', async () => {
    const text = '@everyone <!-- throwover week checkout truth%20people --> the TTL was 300';
    const { result } = await team.ask((c) => addFinding.run(c, { text, as: bo }));
    const { finding: id } = result as { finding: string };
    await send();
    const raised = only(`Give ${id} an owner`);
    expect(raised.assignees).toEqual([{ login: 'ana-gh' }]);
    expect(raised.body).not.toContain('@everyone');
    const { number } = raised;
    await team.ask((c) =>
      taskFinding.run(c, { finding: id, owner: bo, due: '2026-02-01', as: ana }),
    );
    await send();
    expect(only(`Settle ${id}`)).toMatchObject({ number, assignees: [] });
    expect(only(`Settle ${id}`).body).toContain('by 2026-02-01');
    await team.ask((c) => closeFinding.run(c, { finding: id, note: 'it is 60 now', as: bo }));
    expect((await send()).text).toContain(`closed #${number}`);
    expect(only(`Settle ${id}`).state).toBe('closed');
    expect(only(weekly).state).toBe('open');
  });

  test('a task that is no longer there is closed', async () => {
    await send();
    const { number } = only('Declare drills');
    team.declare(evidence, [ana, bo], drills([ana, bo]));
    expect((await send()).text).toContain(`#${number}`);
    expect(only('Declare drills').state).toBe('closed');
  });

  test('nothing is closed for a calendar that could not be read', async () => {
    team.calendars.set('rota.ics', calendarOf('bo'));
    team.declare(evidence, [ana, bo], drills('rota.ics'));
    await send();
    const learn = only('Learn to drive');
    expect(learn.body).toContain(bo);
    team.calendars.clear();
    expect((await send()).code).toBe(0);
    expect(only('Learn to drive').state).toBe('open');
    expect(only('Make a calendar readable').state).toBe('open');
  });

  test('never touches what it did not make', async () => {
    const labels = [{ name: 'throwover-week' }];
    const others = [
      github.byHand({ title: 'Ours?', labels, body: 'no marker' }),
      github.byHand({ title: 'Another service', labels, body: marker('billing') }),
      github.byHand({ title: 'Quoted', labels, body: `I saw this:\n\n${marker('checkout')}` }),
      github.byHand({ title: 'No label', body: marker('checkout') }),
      github.byHand({
        title: 'A pull request',
        labels,
        body: marker('checkout'),
        pull_request: {},
      }),
      github.byHand({ title: 'Wrong', labels, body: '<!-- throwover week checkout %E0%A4%A -->' }),
    ];
    const before = structuredClone(others);
    await send();
    // Somebody copies an issue: of two with the same marker, the older one counts.
    const made = only(weekly);
    const copy = github.byHand({ title: 'A copy', labels, body: made.body });
    await ask(ana);
    await send();
    expect(made.state).toBe('closed');
    expect(copy).toMatchObject({ title: 'A copy', state: 'open' });
    expect(others).toEqual(before);
  });

  test('what stops it half way stands; sent again it goes on', async () => {
    github.failures = [null, null, { status: 403, headers: { 'retry-after': '60' } }];
    const { code, text } = await send();
    expect(code).toBe('tracker-limited');
    expect(text).toMatch(/Until then, in acme\/checkout: made #1, of \d+\./);
    const again = await send();
    expect(again).toMatchObject({ code: 0, text: expect.stringContaining('made #2') });
    expect(titled(weekly)).toHaveLength(1);
  });

  test('what was made although its answer was lost is found again, not made twice', async () => {
    github.failures = [null, { status: 502, late: true }];
    expect((await send()).code).toBe('tracker-away');
    expect(github.issues).toHaveLength(1);
    expect((await send()).code).toBe(0);
    const titles = github.issues.map(({ body }) => body?.split('\n')[0]);
    expect(new Set(titles).size).toBe(titles.length);
  });

  test('without its token nothing is sent', async () => {
    delete team.session.env['GITHUB_TOKEN'];
    expect((await send()).code).toBe('secret-missing');
    expect(github.calls).toEqual([]);
  });
});

describe('as notices', () => {
  test("everybody's open tasks, in one", async () => {
    await send();
    const [notice] = notices;
    expect(notice).toMatchObject({ kind: 'week', service: 'checkout', runId: null });
    expect(notice?.text).toContain('[ ] Ask who drives next (30 min)');
    expect(notice?.text).toContain('nobody is named');
  });

  test('one that does not get through ends with 1; issues are made all the same', async () => {
    deaf = true;
    const { code, text } = await send();
    expect(code).toBe(1);
    expect(text).toContain('Told: 0 of 1.');
    expect(titled(weekly)).toHaveLength(1);
  });
});

test('nowhere to send it is said', async () => {
  const quiet = await Team.of([ana]);
  expect((await quiet.ask(sendWeek)).code).toBe('week-sent-nowhere');
});

function drills(rota: readonly string[] | string) {
  return {
    every: 'FREQ=MONTHLY;INTERVAL=3',
    from: '2026-06-01',
    zone: 'UTC',
    windows: [{ days: ['TU'], from: '10:00', until: '15:00' }],
    rota: typeof rota === 'string' ? { calendar: rota } : { people: rota },
  };
}

function calendarOf(who: string): string {
  return [
    'BEGIN:VCALENDAR',
    'VERSION:2.0',
    'PRODID:-//x//y//EN',
    'BEGIN:VEVENT',
    'UID:1',
    'DTSTAMP:20260101T000000Z',
    'DTSTART:20260105T000000Z',
    'DTEND:20260112T000000Z',
    `SUMMARY:On call: ${who}`,
    'END:VEVENT',
    'END:VCALENDAR',
  ].join('\r\n');
}

const marker = (service: string) => `<!-- throwover week ${service} truth%20people -->`;
