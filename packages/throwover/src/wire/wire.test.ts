import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineErrors, systemClock } from '../kernel/kernel.ts';
import { callOver } from './client.ts';
import { openApiOf } from './openapi.ts';
import { Routes } from './routes.ts';
import { expectEveryCall } from './wire.fixture.ts';
import { type CallTable, nothing, repeatable } from './wire.ts';

const errors = defineErrors({
  bad: { disposition: 'stop', notLost: 'Nothing was changed.', remedy: 'Call it right.' },
  busy: { disposition: 'retry', notLost: 'Nothing was changed.', remedy: 'Again.' },
  'must-ask': { disposition: 'page', notLost: 'Nothing was changed.', remedy: 'Ask.' },
  odd: { disposition: 'stop', notLost: 'Nothing was changed.', remedy: 'See the log.' },
});

const common = { deadlineMs: 5_000, repeat: true, roles: ['viewer'] } as const;
const calls = {
  look: {
    ...common,
    method: 'GET',
    path: '/v1/things/:name/:part',
    says: 'A part of a thing',
    params: z.object({ name: z.string().min(1), part: z.enum(['head', 'tail']) }),
    query: z.object({
      since: z.coerce.number().min(0).default(0),
      limit: z.coerce.number().optional(),
    }),
    output: z.array(z.string()),
  },
  change: {
    ...common,
    method: 'PUT',
    path: '/v1/things',
    says: 'Changes it',
    body: z.strictObject({ to: z.string() }),
    output: nothing,
    repeat: (body) => (body as { to: string }).to !== '',
  },
  lines: { ...common, method: 'GET', path: '/lines', says: 'Lines', output: 'text' },
} as const satisfies CallTable;

let server: Server;
let url: string;
let changes: string[];
let fault: Error | null;
const way = () => ({ url, clock: systemClock });
const maxBodyBytes = 1_000;

beforeEach(async () => {
  changes = [];
  fault = null;
  const app = new Hono();
  new Routes(app, {
    title: 'a process',
    table: { things: calls },
    maxBodyBytes,
    badCall: (message, issues) => errors.make('bad', message, { issues }),
    bug: (error) => errors.make('odd', error.message),
  }).add(calls, {
    look: ({ params, query }) => [params.name, params.part, JSON.stringify(query)],
    change: async ({ body }) => {
      if (fault !== null) throw fault;
      changes.push(body.to);
    },
    lines: () => new Response('a\nb\n', { headers: { 'content-type': 'text/plain' } }),
  });
  const proxy = new Hono().mount('/east', app.fetch).mount('/', app.fetch);
  server = createAdaptorServer({ fetch: proxy.fetch }) as Server;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
});

describe('a call', () => {
  it.each(['checkout', 'a/b', 'ü ?#%'])('reaches its route with the name %j', async (name) => {
    const answer = await callOver(
      calls.look,
      { params: { name, part: 'tail' }, query: { since: 5, limit: undefined } },
      way(),
    );
    expect(answer).toEqual({ kind: 'answer', value: [name, 'tail', '{"since":5}'] });
  });

  it('goes to a process behind a path of a proxy', async () => {
    const answer = await callOver(
      calls.look,
      { params: { name: 'a', part: 'head' }, query: { since: 0, limit: undefined } },
      { ...way(), url: `${url}/east/` },
    );
    expect(answer.kind).toBe('answer');
  });

  it('without an answer of its own is answered by nothing', async () => {
    expect(await callOver(calls.change, { body: { to: 'here' } }, way())).toEqual({
      kind: 'answer',
      value: undefined,
    });
    expect(changes).toEqual(['here']);
  });

  it.each([
    [errors.make('busy', 'later'), 503],
    [errors.make('must-ask', 'a person'), 500],
    [new Error('a bug'), 409],
  ])('that is refused brings the error: %s', async (thrown, status) => {
    fault = thrown;
    const body = JSON.stringify({ to: 'x' });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}/v1/things`, { method: 'PUT', body, headers });
    expect(answer.status).toBe(status);
    expect(await callOver(calls.change, { body: { to: 'x' } }, way())).toMatchObject({
      kind: 'refusal',
      error: { message: thrown.message },
    });
  });

  it('says whether it may be sent again', () => {
    expect(repeatable(calls.look, undefined)).toBe(true);
    expect(repeatable(calls.change, { to: '' })).toBe(false);
  });
});

describe('what is not understood changes nothing', () => {
  const json = 'application/json';
  const long = JSON.stringify({ to: 'x'.repeat(maxBodyBytes) });
  it.each([
    ['another content type', 'PUT', '/v1/things', 'text/plain', '{"to":"x"}', 400],
    ['none', 'PUT', '/v1/things', '', '{"to":"x"}', 400],
    ['no JSON', 'PUT', '/v1/things', json, '{', 400],
    ['another shape', 'PUT', '/v1/things', json, '{"to":1}', 400],
    ['a field too many', 'PUT', '/v1/things', json, '{"to":"x","by":"y"}', 400],
    ['too much', 'PUT', '/v1/things', json, long, 413],
    ['another method', 'POST', '/v1/things', json, '{"to":"x"}', 404],
    ['another path', 'GET', '/v1/thing', json, null, 404],
    ['a part that is none', 'GET', '/v1/things/a/middle', json, null, 400],
    ['a query that is none', 'GET', '/v1/things/a/head?since=-1', json, null, 400],
  ])('%s', async (_what, method, path, type, body, status) => {
    const headers: Record<string, string> = type === '' ? {} : { 'content-type': type };
    const answer = await fetch(`${url}${path}`, { method, headers, body });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ code: 'bad', message: expect.stringMatching(/./) });
    expect(changes).toEqual([]);
  });

  it('too much, without its length said before', async () => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(long.slice(0, 500)));
        controller.enqueue(new TextEncoder().encode(long.slice(500)));
        controller.close();
      },
    });
    const init = { method: 'PUT', headers: { 'content-type': json }, body, duplex: 'half' };
    const answer = await fetch(`${url}/v1/things`, init as RequestInit);
    expect(answer.status).toBe(413);
    expect(changes).toEqual([]);
  });
});

it('its OpenAPI document is valid, and every call in it is there', async () => {
  await expectEveryCall(url);
});

it('the document tells what a call takes and gives', () => {
  const { paths } = openApiOf({ title: 'a process', table: { things: calls } });
  expect(paths['/v1/things/{name}/{part}']?.['get']).toMatchObject({
    operationId: 'things.look',
    parameters: [
      { name: 'name', in: 'path', required: true, schema: { type: 'string', minLength: 1 } },
      { name: 'part', in: 'path', required: true, schema: { enum: ['head', 'tail'] } },
      { name: 'since', in: 'query', required: false, schema: { type: 'number', minimum: 0 } },
      { name: 'limit', in: 'query', required: false, schema: { type: 'number' } },
    ],
    'x-roles': ['viewer'],
  });
  expect(paths['/lines']?.['get']).toMatchObject({
    responses: { 200: { content: { 'text/plain': {} } } },
  });
});

it('a route that is not in the table of its process is refused', () => {
  const options = { title: 'x', maxBodyBytes, badCall: () => errors.make('bad', 'x') };
  const routes = new Routes(new Hono(), { ...options, table: { things: { look: calls.look } } });
  expect(() => routes.add({ lines: calls.lines }, { lines: () => 'a' })).toThrow(/\/lines/);
});
