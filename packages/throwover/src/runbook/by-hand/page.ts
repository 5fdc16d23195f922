import { formatMs, isoTime } from '../../kernel/kernel.ts';
import type { Expected } from '../engine/history.ts';
import { type HandDocument, type HandStep, wayBack } from './document.ts';
import type { HandWork } from './work.ts';

/** A part of the printed document, before it becomes Markdown or HTML. */
export type Block =
  | { readonly kind: 'title' | 'part' | 'step'; readonly text: string }
  | { readonly kind: 'paragraph'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'mark'; readonly step: string }
  | { readonly kind: 'work'; readonly work: HandWork; readonly where: string; readonly of: Of };

/** The part of the run that a box belongs to. */
export interface Of {
  readonly part: 'before' | 'step' | 'after' | 'back';
  readonly step?: string;
}

/**
 * Additional facts that are printed and change from day to day; they are not part of the digest.
 */
export interface PrintedWith {
  readonly atWallMs: number;
  /** How long throwover took for each step in earlier runs. */
  readonly expected: ReadonlyMap<string, Expected>;
}

const paragraph = (text: string): Block => ({ kind: 'paragraph', text });

export function pageOf(document: HandDocument, printed: PrintedWith): readonly Block[] {
  const { service, kind, from, to, epoch, onCall, before, steps, after } = document;
  const back = wayBack(steps);
  const works = (list: readonly HandWork[], of: Of): readonly Block[] =>
    list.map((work) => ({ kind: 'work', work, where: whereOf(work, document), of }));
  return [
    { kind: 'title', text: `By hand: ${kind} of ${service}, ${from} to ${to}` },
    paragraph(
      `For the day on which throwover is not at hand. ${from} is active in epoch ${epoch}; at the end ${to} is. Printed ${isoTime(printed.atWallMs).slice(0, 10)}; whether it still holds: \`throwover runbook --check FILE\`.`,
    ),
    {
      kind: 'list',
      items: [
        `On call: ${onCall.join(', ')}. Two people: one types, one reads this aloud and writes down times and figures.`,
        `Rights: to the machines of both databases, to the DNS provider, and to the addresses of doors and gateways.`,
        `Tools: bash, ${toolsOf(document).join(', ')}.`,
        `Each box is typed as it stands. It has worked when its last command ends with exit code 0 (\`echo $?\`). When one has not, stop and read "If not".`,
        `Doors and gateways go on by themselves, and take commands from people. The guards are stopped first: they would start and open what is stopped and closed here.`,
      ],
    },
    { kind: 'part', text: 'Before' },
    paragraph(
      `Nobody else does the same: no \`throwover\` command runs, and \`throwover serve\` is stopped or out of reach.`,
    ),
    ...works(before, { part: 'before' }),
    { kind: 'part', text: 'Steps' },
    ...steps.flatMap((step, index) => stepBlocks(step, index + 1, printed, works)),
    ...(back.length === 0
      ? []
      : ([
          { kind: 'part', text: 'The way back' },
          paragraph(
            `Only before \`${turnOf(steps)}\`, and only what was done: last first. After it the way is forward.`,
          ),
          ...back.flatMap(({ step, work }) => works(work, { part: 'back', step })),
        ] satisfies readonly Block[])),
    { kind: 'part', text: 'After' },
    paragraph(
      `When throwover is at hand again: start the guards, ${to}'s first, then \`throwover serve\`. ${to}'s guard finds the promotion and tells the other and the store of epoch ${epoch + 1}. Then \`throwover check\` says that ${to} is active and everything is well. ${wayHome(document)}`,
    ),
    ...works(after, { part: 'after' }),
  ];
}

function stepBlocks(
  step: HandStep,
  number: number,
  { expected }: PrintedWith,
  works: (list: readonly HandWork[], of: Of) => readonly Block[],
): readonly Block[] {
  const { name, title, noReturn, byHand } = step;
  const took = expected.get(name);
  const head: readonly Block[] = [
    { kind: 'step', text: `${number}. ${name}: ${title}` },
    { kind: 'mark', step: name },
    ...(noReturn ? [paragraph('From here on there is no way back. Say so aloud.')] : []),
  ];
  if ('none' in byHand) {
    return [...head, paragraph(`Nothing to do by hand. ${byHand.none}`)];
  }
  const { work, look, ifNot, back } = byHand;
  return [
    ...head,
    ...(took === undefined ? [] : [paragraph(tookText(took))]),
    ...works(work, { part: 'step', step: name }),
    {
      kind: 'list',
      items: [
        `Look: ${look}`,
        ...(ifNot === undefined ? [] : [`If not: ${ifNot}`]),
        'none' in back ? `Undo: none; ${back.none}.` : `Undo: under "The way back", \`${name}\`.`,
      ],
    },
  ];
}

/** With fewer runs than this the text gives no 75 % figure (A7). */
const fewestRuns = 4;

function tookText({ p75Ms, count }: { readonly p75Ms: number; readonly count: number }): string {
  return count < fewestRuns
    ? `throwover did it in ${count} ${count === 1 ? 'run' : 'runs'}: too few to say how long it takes.`
    : `throwover took at most ${formatMs(p75Ms)} for it in 75 % of ${count} runs.`;
}

function wayHome({ kind, from }: HandDocument): string {
  return kind === 'failover'
    ? `${from} comes back by \`throwover rejoin\`, and home by \`throwover failback\`.`
    : `The way home is \`throwover failback\`: a promotion by hand counts as a failover.`;
}

function turnOf(steps: readonly HandStep[]): string {
  return steps.find(({ noReturn }) => noReturn)?.name ?? 'the end';
}

function whereOf({ on }: HandWork, { machines }: HandDocument): string {
  if (on === null) return 'Anywhere with the rights';
  const machine = machines[on];
  return machine === undefined ? `On the machine of ${on}'s database` : `On ${on}: ${machine}`;
}

const tools = ['aws', 'curl', 'dig', 'nsupdate', 'psql', 'pg_ctl', 'setpriv'] as const;

/** Returns the tools that the boxes call. */
function toolsOf({ before, steps, after }: HandDocument): readonly string[] {
  const works = [
    ...before,
    ...steps.flatMap(({ byHand }) =>
      'none' in byHand ? [] : [...byHand.work, ...('none' in byHand.back ? [] : byHand.back)],
    ),
    ...after,
  ];
  const text = works.flatMap(({ lines }) => lines).join('\n');
  return tools.filter((tool) => new RegExp(`(^|[\\s/(])${tool} `, 'm').test(text));
}
