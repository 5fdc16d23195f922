import { z } from 'zod';
import { serviceSchema } from './schema.ts';

/** Returns the published JSON Schema of throwover.yaml (throwover.schema.json), for editors. */
export function serviceJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(serviceSchema, { io: 'input' }) as JsonSchema;
  return { title: 'throwover.yaml', description: 'What a team declares to throwover', ...schema };
}

export interface JsonSchema {
  readonly title?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/** Returns the names of the keys that are allowed at `path`. */
export function keysAt(path: readonly PropertyKey[]): readonly string[] {
  let nodes: readonly JsonSchema[] = [serviceJsonSchema()];
  for (const part of path) nodes = nodes.flatMap((node) => below(node, part));
  const keys = nodes.flatMap(branches).flatMap((node) => Object.keys(node.properties ?? {}));
  return [...new Set(keys)];
}

function below(node: JsonSchema, part: PropertyKey): readonly JsonSchema[] {
  return branches(node).flatMap((branch) => {
    if (typeof part === 'number') return branch.items ?? [];
    const { additionalProperties: others } = branch;
    return branch.properties?.[String(part)] ?? (typeof others === 'object' ? others : []);
  });
}

function branches(node: JsonSchema): readonly JsonSchema[] {
  const below = node.anyOf ?? node.oneOf;
  return below === undefined ? [node] : below.flatMap(branches);
}
