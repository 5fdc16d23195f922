import { z } from 'zod';
import { errorSchema } from '../kernel/kernel.ts';
import type { Call, ProcessTable } from './wire.ts';

/**
 * Returns the OpenAPI 3.1 document of a process. Schemas stand for the JSON on the wire, before it
 * is read.
 */
export function openApiOf({ title, table }: { title: string; table: ProcessTable }) {
  const paths: Record<string, Record<string, object>> = {};
  for (const [group, calls] of Object.entries(table)) {
    for (const [name, call] of Object.entries(calls)) {
      const path = call.path.replaceAll(/:(\w+)/g, '{$1}');
      paths[path] ??= {};
      paths[path][call.method.toLowerCase()] = operationOf(group, name, call);
    }
  }
  return {
    openapi: '3.1.1',
    info: { title, version: '1', license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    tags: Object.keys(table).map((name) => ({ name })),
    paths,
    components: { schemas: { Error: jsonSchema(errorSchema) } },
  };
}

function operationOf(group: string, name: string, call: Call) {
  const { body, output, repeat } = call;
  return {
    operationId: `${group}.${name}`,
    tags: [group],
    summary: call.says,
    'x-deadline-ms': call.deadlineMs,
    'x-repeat': typeof repeat === 'function' ? 'depends on the body' : repeat,
    'x-roles': call.roles,
    parameters: [...parametersOf('path', call.params), ...parametersOf('query', call.query)],
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body) } }),
    responses: {
      200: {
        description: 'the answer',
        content:
          output === 'text' ? { 'text/plain': { schema: { type: 'string' } } } : json(output),
      },
      default: {
        description: 'a refusal: what happened, what is not lost, what to do next',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  };
}

function parametersOf(where: 'path' | 'query', schema: z.ZodType | undefined) {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(schema) as {
    properties?: Record<string, object>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, one]) => ({
    ...{ name, in: where, schema: one },
    required: where === 'path' || required.includes(name),
  }));
}

function json(schema: z.ZodType) {
  return { 'application/json': { schema: jsonSchema(schema) } };
}

function jsonSchema(schema: z.ZodType): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    ...{ io: 'input', unrepresentable: 'any', reused: 'inline' },
  });
  return rest;
}
