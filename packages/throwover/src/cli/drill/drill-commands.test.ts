import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../kernel/kernel.ts';
import { drillSources } from '../../providers/http/drill-sources.ts';
import { type RunningServer, startServe } from '../../server/serve.ts';
import { wholeFile } from '../../service/service.fixture.ts';
import { openSqliteStore } from '../../store/sqlite/sqlite-store.ts';
import { run, runJson } from '../terminal.fixture.ts';

/**
 * The commands as a person types them, against a real `throwover serve`; calendars and alarms are
 * real files and HTTP.
 */

const policy = `
drills:
  every: FREQ=MONTHLY;INTERVAL=3;BYDAY=2TU
  from: 2026-01-01
  zone: Europe/Berlin
  windows: [{ days: [TU, WE, TH], from: "10:00", until: "15:00" }]
  blocked: [{ calendar: holidays.ics }]
`;
const holidays = ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//x//EN', 'END:VCALENDAR', ''];
let directory = '';
let server: RunningServer;
let config = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'throwover-drill-commands-'));
  server = await startServe({
    openStore: openSqliteStore,
    host: '127.0.0.1',
    port: 0,
    dataDir: directory,
    clock: systemClock,
  });
  config = join(directory, 'throwover.yaml');
  const file = wholeFile
    .replace(/^steps:[\s\S]*$/m, '')
    .replace('onCall: [ana@example.com]', 'onCall: [ana@example.com, bo@example.com]')
    .replace('http://127.0.3.1:7610', server.url);
  await writeFile(config, `${file}${policy}`);
  await writeFile(join(directory, 'holidays.ics'), holidays.join('\r\n'));
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

const typed = (...argv: readonly string[]) => run(...argv, '--config', config);

test('plan, next, history and people of a team that has held none', async () => {
  const plan = await typed('drill', 'plan', '--count', '2');
  expect(plan.code).toBe(0);
  expect(plan.stdout).toContain('drives: ana@example.com; shadow: bo@example.com');
  for (const line of plan.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  expect((await typed('drill', 'next')).stdout).toContain('throwover drill start');
  expect((await typed('drill', 'history')).stdout).toContain('No drill was begun yet');
  expect((await typed('drill', 'people')).stdout).toContain('0 of 2 (0 %) have driven');
  expect((await typed('drill', 'report')).code).toBe(2);
});

test('a calendar that cannot be read is told, and plans all the same', async () => {
  const text = await readFile(config, 'utf8');
  const other = join(directory, 'other.yaml');
  await writeFile(other, text.replace('holidays.ics', 'nowhere.ics'));
  const { code, stdout } = await run('drill', 'plan', '--config', other);
  expect(code).toBe(0);
  expect(stdout).toContain('UNKNOWN: calendar-away: nowhere.ics: ENOENT');
});

test('the calendar is written to a file', async () => {
  const out = join(directory, 'drills.ics');
  expect((await typed('drill', 'calendar', '--out', out)).code).toBe(0);
  expect(await readFile(out, 'utf8')).toMatch(/^BEGIN:VCALENDAR\r\n[\s\S]*RRULE:FREQ=MONTHLY/);
});

test('a drill is no script, and nothing is aborted where nothing goes on', async () => {
  expect((await typed('drill', 'start', '--json')).code).toBe(2);
  const { code, stderr } = await typed('drill', 'abort', '--reason', 'x', '--as', 'ana');
  expect({ code, said: stderr.includes('no-drill') }).toEqual({ code: 2, said: true });
});

test('a finding is raised, owned until a date, and closed once', async () => {
  const added = await runJson(
    'finding',
    'add',
    'The TTL was 300',
    '--as',
    'bo',
    '--config',
    config,
  );
  const { finding: id } = added.json as { finding: string };
  const list = async (...more: string[]) => (await typed('finding', 'list', ...more)).stdout;
  expect(await list()).toContain('OPEN: nobody owns it');
  const by = ['--as', 'ana'] as const;
  const task = ['finding', 'task', id, '--owner', 'bo'] as const;
  expect((await typed(...task, '--due', 'soon', ...by)).stderr).toContain('found "soon"');
  expect((await typed(...task, '--due', '2026-11-20', ...by)).code).toBe(0);
  expect(await list()).toContain('bo@example.com, until 2026-11-20');
  const close = ['finding', 'close', id, '--note', 'it is 60 now', ...by] as const;
  expect((await typed(...close)).code).toBe(0);
  const again = await typed('finding', 'waive', id, '--reason', 'no', ...by);
  expect({ code: again.code, said: again.stderr }).toEqual({
    code: 3,
    said: expect.stringContaining(`finding-settled: ${id} was closed by ana@example.com`),
  });
  expect(await list()).toContain('No finding waits for anybody.');
  expect(await list('--all')).toContain('closed by ana@example.com: it is 60 now');
});

test('a finding is waived by name, with a reason; one that nobody raised is told', async () => {
  const added = await runJson('finding', 'add', 'Slow', '--as', 'bo', '--config', config);
  const { finding: id } = added.json as { finding: string };
  const waived = await typed('finding', 'waive', id, '--reason', 'old disk', '--as', 'ana');
  expect(waived.stdout).toContain('waived by ana@example.com: old disk');
  expect((await typed('finding', 'waive', 'F99', '--reason', 'x', '--as', 'ana')).code).toBe(2);
});

test('alarms are asked of an API as Prometheus has it; anything else is unknown, never quiet', async () => {
  const answers: Record<string, [number, unknown]> = {
    two: [
      200,
      {
        status: 'success',
        data: {
          resultType: 'vector',
          result: [
            { metric: {}, value: [1, '0'] },
            { metric: {}, value: [1, '2.5'] },
          ],
        },
      },
    ],
    none: [200, { status: 'success', data: { resultType: 'vector', result: [] } }],
    scalar: [200, { status: 'success', data: { resultType: 'scalar', result: [1, '7'] } }],
    wrong: [400, { status: 'error', error: 'parse error' }],
    page: [200, '<html>'],
  };
  const prometheus = createServer((req, res) => {
    const query = new URL(req.url ?? '', 'http://x').searchParams.get('query') ?? '';
    const [status, body] = answers[query] ?? [404, ''];
    res.writeHead(status).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => prometheus.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(prometheus.address() as AddressInfo).port}`;
  const { series } = drillSources(directory, systemClock);
  try {
    expect(await series(url, 'two')).toEqual([0, 2.5]);
    expect(await series(`${url}/`, 'none')).toEqual([]);
    expect(await series(url, 'scalar')).toEqual([7]);
    for (const query of ['wrong', 'page', 'nothing']) {
      await expect(series(url, query)).rejects.toMatchObject({ code: 'alarm-away' });
    }
  } finally {
    prometheus.close();
  }
  await expect(series(url, 'two')).rejects.toMatchObject({ code: 'alarm-away' });
});

test('a printed runbook is read from the directory of the file; what cannot be compared is not met', async () => {
  const other = join(directory, 'printed.yaml');
  await writeFile(other, `${await readFile(config, 'utf8')}  printed: [runbooks/by-hand.md]\n`);
  const audited = async () => {
    const { stdout } = await run('audit', '--config', other);
    return stdout.replace(/\s+/g, ' ');
  };
  expect(await audited()).toContain('NO runbook cannot read runbooks/by-hand.md: ENOENT');
  await mkdir(join(directory, 'runbooks'));
  await writeFile(join(directory, 'runbooks', 'by-hand.md'), '# Ours\n');
  expect(await audited()).toContain(
    'NO runbook runbooks/by-hand.md does not begin as a printed runbook',
  );
});
