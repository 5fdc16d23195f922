/**
 * Loaded with `--import` before anything else: patches the mutation named by THROWOVER_MUTATION
 * into the sources while they are loaded. The product itself has no such switch.
 */
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type Edit, mutated } from './mutation.ts';
import { mutations } from './mutations.ts';

const name = process.env['THROWOVER_MUTATION'];
const mutation = mutations.find((one) => one.name === name);
if (mutation === undefined) throw new Error(`no mutation is named ${name}`);

const byFile = Map.groupBy(mutation.edits, ({ file }) => file);

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context);
    const edits = editsFor(url);
    if (edits === undefined) return loaded;
    const { source } = loaded;
    if (source === undefined || source === null) throw new Error(`no source of ${url}`);
    const text = typeof source === 'string' ? source : new TextDecoder().decode(source);
    return { ...loaded, source: mutated(text, edits) };
  },
});

function editsFor(url: string): readonly Edit[] | undefined {
  if (!url.startsWith('file:')) return undefined;
  const path = fileURLToPath(url);
  for (const [file, edits] of byFile) if (path.endsWith(`/packages/${file}`)) return edits;
  return undefined;
}
