import { expect, it } from 'vitest';
import { guardTable } from '../providers/postgres/guard/server.ts';
import { canaryTable, serveTable } from '../server/calls.ts';
import { doorTable } from '../traffic/door-admin.ts';
import { gatewayTable } from '../webhooks/admin.ts';
import { type Call, type ProcessTable, roles } from '../wire/wire.ts';
import { formattedMarkdown, root } from './docs.fixture.ts';

const processes: readonly (readonly [string, ProcessTable])[] = [
  ['`throwover serve`', serveTable],
  ['`throwover guard`', guardTable],
  ['`throwover edge`, admin port', doorTable],
  ['`throwover gateway`, admin port', gatewayTable],
  ['`throwover dns canary`, admin port', canaryTable],
];

const callsOf = (table: ProcessTable): readonly Call[] =>
  Object.values(table).flatMap((calls) => Object.values(calls));

it('docs/http-api.md has every call and no other (npx vitest run http-api-doc --update writes it)', async () => {
  await expect(formattedMarkdown(document())).toMatchFileSnapshot(`${root}docs/http-api.md`);
});

it.each(processes)('%s: no two calls share a way, and each says who calls', (_name, table) => {
  const ways = callsOf(table).map(({ method, path }) => `${method} ${path}`);
  expect(ways.filter((way, index) => ways.indexOf(way) !== index)).toEqual([]);
  for (const call of callsOf(table)) {
    expect(call.roles.length).toBeGreaterThan(0);
    expect(roles).toEqual(expect.arrayContaining([...call.roles]));
    expect(call.deadlineMs).toBeGreaterThan(0);
    expect(call.says).toMatch(/^[^.]+[^.]$/);
  }
});

function document(): string {
  return [
    '# HTTP API',
    '',
    "The calls between throwover's processes. People and scripts may use them too. Generated from the tables in the",
    'code; do not edit. Each process describes its own calls, with all schemas, at `GET /openapi.json` (OpenAPI 3.1).',
    '',
    'Requests and answers are JSON. A request with a body needs `content-type: application/json`. A refusal is one',
    'object with `code`, `message`, `disposition`, `notLost`, `remedy` and `evidence` ([errors.md](errors.md)); its status is 400',
    '(not understood), 403 (this caller may not call), 404 (no such call), 413 (too large), 409 (refused), 503 (try again) or 500 (a person must look).',
    '',
    '_Deadline_: how long a client of throwover waits. _Again_: whether the same call may be sent again when no answer',
    'came. _Callers_: who may call, where the process has a certificate ([certificates.md](certificates.md)); everybody',
    'else is refused. A process without one believes whoever reaches it, and listens on loopback only.',
    '',
    'The name in the certificate of a caller says who it is. A certificate of a `controller` may call as `controller`,',
    '`viewer` (a person who only looks) and `operator` (a person who changes something); one of `serve` as `serve` and all',
    'of these, because it carries on runs whose controller is gone; one of a `guard` as `guard`, and only for its own',
    'region; one of `metrics` as `metrics`. `host`: a person on the same host, with the certificate of the machine itself,',
    "and for a guard the key in its directory. Agents, doors and gateways call nobody's port for commands.",
    '',
    'A certificate that has expired or is not valid yet is refused only by `registerService`, `beginRun` and',
    '`accept-cluster`.',
    ...processes.flatMap(([name, table]) => ['', `## ${name}`, '', ...tableOf(callsOf(table))]),
    '',
  ].join('\n');
}

function tableOf(calls: readonly Call[]): readonly string[] {
  return [
    '| Call | What it does | Deadline | Again | Callers |',
    '| --- | --- | --- | --- | --- |',
    ...calls.map(
      ({ method, path, says, deadlineMs, repeat, roles: callers }) =>
        `| \`${method} ${path}\` | ${says} | ${deadlineMs / 1_000} s | ${againText(repeat)} | ${callers.join(', ')} |`,
    ),
  ];
}

function againText(repeat: Call['repeat']): string {
  if (typeof repeat === 'function') return 'depends';
  return repeat ? 'yes' : 'no';
}
