import { editsIn, type Mutation } from './mutation.ts';

const edit = editsIn('throwover/src/authority');
const editOf = editsIn('throwover/src');

const openIsNotLookedAt = [
  edit(
    'guard/closure.ts',
    'closed === null ? notOpen(door) : notClosed(door)',
    'closed === null ? [] : notClosed(door)',
  ),
  edit('guard/closure.ts', 'closed === null ? otherRules && otherLoad', 'closed === null ? false'),
];

/** Bugs about the difference between what a server does and what its guard has recorded. */
export const doorMutations: readonly Mutation[] = [
  {
    name: 'closure-never-looked-at',
    what: 'A guard that has closed its database does not look whether it stays closed.',
    edits: [
      edit(
        'guard/closure.ts',
        'closed === null ? notOpen(door) : notClosed(door)',
        'closed === null ? notOpen(door) : []',
      ),
      edit('guard/closure.ts', 'otherRules || otherLoad;', 'false;'),
    ],
    options: { strict: false, family: 'lost' },
  },
  {
    name: 'opening-never-looked-at',
    what: 'A guard whose active database refuses the application leaves it so.',
    edits: openIsNotLookedAt,
    options: { family: 'planned' },
  },
  {
    name: 'session-left-in',
    what: 'A guard sees that logins are refused, and not that a session is in.',
    edits: [edit('guard/closure.ts', 'sessions === 0 ?', 'sessions >= 0 ?')],
    options: { strict: false, family: 'lost' },
  },
  {
    name: 'loaded-rules-not-tried',
    what: 'A guard believes the file that stands there, though the server has read another one in between.',
    edits: [edit('guard/closure.ts', 'otherRules || otherLoad;', 'false;')],
    options: { strict: false, family: 'lost' },
  },
  {
    name: 'thrown-away-unread',
    what: 'A switchover attaches the old side without reading what its log holds beyond the switch.',
    edits: [editOf('replication/settle.ts', 'await attachIt(false);', 'await attachIt(true);')],
    options: { strict: false, family: 'planned' },
  },
  {
    name: 'success-without-writes',
    what: 'A run ends well although the new region refuses the application.',
    edits: [
      ...openIsNotLookedAt,
      edit('guard/promotion.ts', 'wasClosed || !door.seenOpen', 'wasClosed || door.unsure'),
      edit('open-epoch.ts', 'if (why === null) {', 'if (why !== undefined) {'),
    ],
    options: { strict: false },
  },
];
