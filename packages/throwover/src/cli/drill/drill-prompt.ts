import type { Move, MoveStep } from '../../drills/drills.ts';
import { type Clock, wrap } from '../../kernel/kernel.ts';
import type { Lines } from './lines.ts';

/** A question to the driver of a drill. */
export interface Question {
  readonly step: MoveStep;
  readonly text: string;
  /** Whether this line answers the question. */
  readonly right: (line: string) => boolean;
  /** Shown to a person who asks for help. */
  readonly help: string;
}

export type Answer =
  | { readonly kind: 'answered'; readonly line: string }
  /** The input has ended, or the drill is being aborted. */
  | { readonly kind: 'none' }
  | { readonly kind: 'abort'; readonly reason: string };

export interface PromptOptions {
  readonly lines: Lines;
  readonly clock: Clock;
  readonly say: (text: string) => void;
  /** Stores a move in the team's memory; a failure to store it stops no drill. */
  readonly note: (move: Move) => void;
  /** Records the finding given with `f TEXT`. */
  readonly finding: (text: string) => void;
  /** Finds the person who may take over by the typed name; null when there is none. */
  readonly personOf: (name: string) => string | null;
  readonly onHandOver: (to: string) => void;
  readonly signal: AbortSignal;
}

const words = 'help, hand NAME, expert, f TEXT (a finding), abort';

/**
 * Asks until the answer is right. Requests for help, typos, help from an expert and handovers are
 * part of the drill and are recorded. `driver` is the person who is asked; a handover changes it.
 */
export async function prompt(
  { step, text, right, help }: Question,
  driver: { name: string },
  options: PromptOptions,
): Promise<Answer> {
  const { lines, clock, note, finding, personOf, onHandOver, signal } = options;
  // Wraps line by line: words that must be typed have a line of their own and stay whole.
  const say = (paragraph: string) =>
    options.say(
      paragraph
        .split('\n')
        .flatMap((line) => (line.startsWith('  "') ? [line] : wrap(line, 2)))
        .join('\n'),
    );
  options.say('');
  say(`${driver.name}: ${text}`);
  say(`  (or: ${words})`);
  let promptedMs = clock.monotonicMs();
  note({ event: 'prompted', step, person: driver.name });
  for (;;) {
    const line = await lines.next(signal);
    if (line === null) return { kind: 'none' };
    const [word = '', ...others] = line.split(/\s+/);
    const rest = others.join(' ');
    const person = driver.name;
    if (right(line)) {
      const afterMs = clock.monotonicMs() - promptedMs;
      note({ event: 'acted', step, person, afterMs });
      return { kind: 'answered', line };
    }
    if (word === 'help' || word === '?') {
      note({ event: 'help', step, person });
      say(help);
    } else if (word === 'expert') {
      note({ event: 'expert', step, person });
      say('Noted: an expert is asked. The driver still types the answer.');
    } else if (word === 'hand') {
      const to = personOf(rest);
      if (to === null || to === person) {
        say(`Nobody of that name can take over: "${rest}".`);
        continue;
      }
      note({ event: 'handed-over', step, person, to });
      driver.name = to;
      onHandOver(to);
      promptedMs = clock.monotonicMs();
      note({ event: 'prompted', step, person: to });
      options.say('');
      say(`${to}: ${text}`);
    } else if (word === 'f' && rest !== '') {
      finding(rest);
    } else if (word === 'abort') {
      return { kind: 'abort', reason: rest === '' ? `${person} said so` : rest };
    } else {
      note({ event: 'typo', step, person });
      say(`"${line}" is not it. Read the question again; ${words}.`);
    }
  }
}
