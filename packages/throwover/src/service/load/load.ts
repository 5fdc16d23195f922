import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import type { ThrowoverError } from '../../kernel/kernel.ts';
import { serviceErrors } from '../errors.ts';
import { type Service, serviceSchema } from '../schema/schema.ts';
import { expectation, type Mistake, mistakesOf } from './mistakes.ts';
import { referenceMistakes } from './references.ts';

/**
 * Largest file that is read, bytes: a hundred times a long one, so that a wrong path does not fill
 * the memory.
 */
const maxFileBytes = 1_048_576;

/** A service and the place of its file: commands and secret files are relative to `directory`. */
export interface LoadedService {
  readonly service: Service;
  readonly path: string;
  readonly directory: string;
}

/**
 * Reads and checks throwover.yaml. An invalid file is refused with all its mistakes in one error.
 */
export async function loadService(path: string): Promise<LoadedService> {
  const service = parseService(await read(path), path);
  return { service, path, directory: dirname(resolve(path)) };
}

/** Parses and checks the text of a file. `path` is only for the messages. */
export function parseService(text: string, path: string): Service {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw wrong(
      path,
      document.errors.map((error) => ({
        ...lines.linePos(error.pos[0]),
        path: '',
        expected: 'valid YAML',
        found: error.message,
      })),
    );
  }
  const data: unknown = document.toJS({ maxAliasCount: 100 });
  const parsed = serviceSchema.safeParse(data, { error: expectation });
  const mistakes = [
    ...(parsed.success ? [] : mistakesOf(parsed.error.issues, data)),
    ...referenceMistakes(data),
  ];
  if (parsed.success && mistakes.length === 0) return parsed.data;
  throw wrong(
    path,
    mistakes.map((mistake) => placed(mistake, document, lines)),
  );
}

async function read(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > maxFileBytes) throw new RangeError(`larger than ${maxFileBytes} bytes`);
    return await readFile(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw serviceErrors.make(
      'service-file-missing',
      `cannot read ${path}: ${reason}`,
      { path },
      error,
    );
  }
}

interface PlacedMistake {
  readonly line: number;
  readonly col: number;
  readonly path: string;
  readonly expected: string;
  readonly found: string;
}

function placed(mistake: Mistake, document: Document, lines: LineCounter): PlacedMistake {
  return {
    ...lines.linePos(offsetOf(mistake, document)),
    path: dotted(mistake.path),
    expected: mistake.expected,
    found: mistake.found,
  };
}

/** Returns the offset of a mistake in the text; for a missing value, the offset of its parent. */
function offsetOf({ path, atKey }: Mistake, document: Document): number {
  for (let length = path.length; length > 0; length--) {
    const part = path.slice(0, length);
    const key = atKey || length < path.length ? keyOffset(document, part) : undefined;
    const offset = key ?? nodeOffset(document.getIn(part, true)) ?? keyOffset(document, part);
    if (offset !== undefined) return offset;
  }
  return nodeOffset(document.contents) ?? 0;
}

function keyOffset(document: Document, path: readonly PropertyKey[]): number | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find(
    ({ key }) => (isScalar(key) ? String(key.value) : String(key)) === String(path.at(-1)),
  );
  return nodeOffset(pair?.key);
}

function nodeOffset(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

function dotted(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : `${text}${text && '.'}${String(part)}`,
    '',
  );
}

function wrong(path: string, mistakes: readonly PlacedMistake[]): ThrowoverError {
  const sorted = [...mistakes].sort((a, b) => a.line - b.line || a.col - b.col);
  const rows = sorted.map(({ line, col, path: where, expected, found }) => {
    return `${path}:${line}:${col} ${where && `${where}: `}expected ${expected}; found ${found}`;
  });
  const count = sorted.length === 1 ? 'one mistake' : `${sorted.length} mistakes`;
  return serviceErrors.make('service-file-wrong', `${count}\n${rows.join('\n')}`, {
    path,
    mistakes: sorted,
  });
}
