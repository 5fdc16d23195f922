/** Directions of imports, from the list of layers in layers.ts (docs/architecture.md). */
import type {
  IConfiguration,
  IForbiddenRuleType,
  IRegularForbiddenRuleType,
} from 'dependency-cruiser';
import { adapters, entries, layers } from './layers.ts';

const src = '^packages/throwover/src/';
/** Tests, what they share, and the suites of the ports. */
const tests = '(\\.(test|fixture)|/conformance[a-z-]*)\\.ts$';
const folders = layers.flatMap((layer) => layer.folders);

/** Matches the files of these folders, without those of folders below them that are listed too. */
const at = (...names: readonly string[]) => {
  const patterns = names.map((name) => {
    const inner = folders.filter((other) => other.startsWith(`${name}/`));
    const without = inner.map((other) => `${other.slice(name.length + 1)}/`).join('|');
    return inner.length === 0 ? `${name}/` : `${name}/(?!${without})`;
  });
  return `${src}(${patterns.join('|')})`;
};

const escaped = (path: string) => path.replaceAll('.', '\\.');

const mayNot = (
  name: string,
  from: IForbiddenRuleType['from'],
  to: IRegularForbiddenRuleType['to'],
  comment: string,
): IForbiddenRuleType => ({ name, severity: 'error', comment, from, to });

/** A folder imports neither from a higher layer nor from a neighbour in its own. */
const layerRules = layers.flatMap(({ folders: here }, index) =>
  here.map((folder) => {
    const neighbours = here.filter((other) => other !== folder);
    const higher = layers.slice(index + 1).flatMap((layer) => layer.folders);
    const forbidden = [...neighbours, ...higher];
    return mayNot(
      `layer-of-${folder.replace('/', '-')}`,
      { path: at(folder), pathNot: tests },
      { path: forbidden.length === 0 ? '^$' : at(...forbidden) },
      `${folder} stands below, or beside: imports point downward (layers.ts)`,
    );
  }),
);

const config: IConfiguration = {
  forbidden: [
    mayNot(
      'no-cycles',
      {},
      { circular: true, dependencyTypesNot: ['type-only'] },
      'A cycle is one module in two files.',
    ),
    mayNot(
      'resolvable',
      {},
      { couldNotResolve: true },
      'An import that does not resolve fails at run time.',
    ),
    ...layerRules,
    mayNot(
      'in-a-layer',
      { path: `${src}[^/]+/` },
      { path: `${src}[^/]+/`, pathNot: at(...folders) },
      'every folder stands in layers.ts',
    ),
    mayNot(
      'by-its-entry',
      { path: `${src}([^/]+)/`, pathNot: tests },
      {
        path: `${src}[^/]+/`,
        pathNot: [
          `${src}$1/`,
          // The file with the folder's name.
          '/([^/]+)/\\1\\.ts$',
          `${src}(${Object.keys(entries).map(escaped).join('|')})$`,
          at(...adapters),
        ],
        // A dynamic import names the file itself: the entry file would load the whole folder.
        dependencyTypesNot: ['dynamic-import'],
      },
      'a folder is entered by the file with its name',
    ),
    mayNot(
      'compose-alone-names-adapters',
      { path: `${src}([^/]+)/`, pathNot: [tests, at('compose', ...adapters)] },
      { path: at(...adapters) },
      'compose/ alone names adapters',
    ),
    mayNot(
      'client-depends-on-nothing',
      { path: '^packages/client/src', pathNot: tests },
      { path: '^(packages/(throwover|lab)|node_modules)' },
      'the client runs inside applications and has no dependency',
    ),
    mayNot(
      'lab-as-a-user',
      { path: '^packages/lab/src', pathNot: tests },
      { path: `${src}(?!(throwover|kernel/kernel|traffic/edge)\\.ts$)` },
      'the lab uses throwover only as a user can: through its exports and its command line',
    ),
    mayNot(
      'product-without-lab',
      { path: '^packages/(throwover|client)', pathNot: tests },
      { path: '^packages/lab' },
      'the lab is no part of the product',
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['throwover-source', 'import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};

export default config;
