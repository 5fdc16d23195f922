import { editsIn, type Mutation } from './mutation.ts';

const edit = editsIn('throwover/src/authority/guard');

/** Guards that obey commands which do not concern their service or their pair of regions. */
export const pairMutations: readonly Mutation[] = [
  {
    name: 'any-service-obeyed',
    what: 'A guard obeys a command that was sent for another service.',
    edits: [edit('pairing.ts', 'if (service !== this.#service) {', 'if (service === undefined) {')],
    options: { strict: false, stranger: 'other-service' },
  },
  {
    name: 'any-pair-obeyed',
    what: 'A guard takes part in a run between its own region and a third one: it opens by asking the wrong guard.',
    edits: [
      edit(
        'pairing.ts',
        'if (from !== to && own.includes(from) && own.includes(to)) return;',
        'if (own.length === 2) return;',
      ),
    ],
    options: { strict: false, stranger: 'third-region' },
  },
  {
    name: 'proof-of-any-region',
    what: 'A guard promotes on the fence of a region that is not its peer.',
    edits: [
      edit(
        'decide.ts',
        "case 'confirmed':\n      if (proof.region !== peer) return about(no(ofAnother(proof.region, peer)));",
        "case 'confirmed':",
      ),
    ],
    options: { strict: false, stranger: 'proof-of-another-region' },
  },
  {
    name: 'token-of-any-run',
    what: 'A guard takes a token from another run than the one that it has seen it from.',
    edits: [
      edit('memory.ts', '(now.run === null || now.run === run)', '(now.run === null || true)'),
    ],
    options: { strict: false, family: 'planned', stranger: 'token-of-another-run' },
  },
  {
    name: 'unconfirmed-lease',
    what: 'A guard promotes on the end of a lease that a guard which it does not know of extends.',
    edits: [edit('decide.ts', 'if (!paired) {', 'if (paired === undefined) {')],
    options: { stranger: 'third-region-by-expiry' },
  },
  {
    name: 'any-guard-confirmed',
    what: 'A guard answers a guard that is not its peer, which then takes itself for the only one that extends its lease.',
    edits: [
      edit(
        'pairing.ts',
        'return behind(answers, ({ pair }: { pair: Pair }) => {',
        'return behind(answers, ({ pair }: { pair: Pair }) => {\n      if (pair.from !== undefined) return;',
      ),
    ],
    options: { stranger: 'third-region-by-expiry' },
  },
];
