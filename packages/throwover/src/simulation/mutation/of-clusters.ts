import { editsIn, type Mutation } from './mutation.ts';

const edit = editsIn('throwover/src/authority');

/** Bugs about the cluster that a database belongs to. */
export const clusterMutations: readonly Mutation[] = [
  {
    name: 'promotes-any-cluster',
    what: 'A guard promotes whatever standby stands there: the plan alone has looked at its cluster.',
    edits: [
      edit('guard/promotion.ts', 'await this.#mustBeOneCluster(command, look);', 'void command;'),
      edit('guard/promotion.ts', "if (verdict.is !== 'different') return;", 'if (verdict) return;'),
    ],
    options: { family: 'planned' },
  },
  {
    name: 'agreement-not-compared',
    what: 'A guard whose peer is away compares its database with nothing that was kept.',
    edits: [
      edit('cluster.ts', 'if (agreed.identifier !== mine.identifier) {', 'if (agreed === null) {'),
      edit(
        'cluster.ts',
        'const now = last === null ? null : judgeBoth(own, last);',
        'const now = !answers || last === null ? null : judgeBoth(own, last);',
      ),
    ],
    options: { family: 'lost' },
  },
  {
    name: 'attaches-any-cluster',
    what: 'A database of another cluster is attached as if it were the old side: its data is thrown away for a copy.',
    edits: [
      edit('guard/guard.ts', 'await clusters.mustBeOf(input.upstream, look);', ''),
      edit('guard/guard.ts', 'clusters.mustNotBeForeign(look);', ''),
    ],
  },
  {
    name: 'salvages-whatever-stands-there',
    what: 'Another data directory, put there after the look, has nothing to salvage, and that is kept as the answer of the right one.',
    edits: [
      edit(
        'guard/guard.ts',
        'const identifier = look.cluster?.identifier ?? null;',
        'const identifier = null;',
      ),
    ],
  },
];
