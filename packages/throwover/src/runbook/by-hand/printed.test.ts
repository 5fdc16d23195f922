import { describe, expect, test } from 'vitest';
import { type HandDocument, type HandStep, stepDigest } from './document.ts';
import { htmlOf } from './html.ts';
import { markdownOf } from './markdown.ts';
import { pageOf } from './page.ts';
import { driftOf, readPrinted, withHeader } from './printed.ts';

const box = (line: string) => ({ on: 'east', says: `do ${line}`, lines: [line] });
const step = (name: string, line: string, more: Partial<HandStep> = {}): HandStep => ({
  ...{ name, title: `Title of ${name}`, noReturn: false },
  byHand: { work: [box(line)], look: 'it is so', back: [box(`un${line}`)] },
  ...more,
});

const document: HandDocument = {
  ...{ version: 1, service: 'checkout', kind: 'switchover', from: 'east', to: 'west', epoch: 4 },
  onCall: ['ana'],
  machines: { east: 'ssh east' },
  before: [box('look')],
  steps: [
    step('fence', 'close'),
    step('hold', '', { byHand: { none: 'A program alone can.' } }),
    step('promote', 'promote <now> & here', { noReturn: true }),
    step('flip', 'point'),
  ],
  after: [box('start')],
};

function print(of: HandDocument, expected = new Map()): string {
  const digests = new Map(of.steps.map((one) => [one.name, stepDigest(one)]));
  const blocks = pageOf(of, { atWallMs: 0, expected });
  return withHeader(
    of,
    markdownOf(blocks, (name) => digests.get(name) ?? ''),
  );
}

const drift = (text: string, now: HandDocument) => driftOf(readPrinted('paper.md', text), now);

describe('on paper', () => {
  test('boxes stand in order, the way back last first and only before the point of no return', () => {
    const text = print(document);
    const boxes = [...text.matchAll(/^```sh (.*)\n(.*)\n```$/gm)].map(([, of, line]) => [of, line]);
    expect(boxes).toEqual([
      ['part=before on=east', 'look'],
      ['part=step step=fence on=east', 'close'],
      ['part=step step=promote on=east', 'promote <now> & here'],
      ['part=step step=flip on=east', 'point'],
      ['part=back step=fence on=east', 'unclose'],
      ['part=after on=east', 'start'],
    ]);
    expect(text).toContain('From here on there is no way back.');
    expect(text).toContain('Nothing to do by hand. A program alone can.');
    expect(text).toContain('On east: ssh east');
  });

  test('says how long a step took only of enough runs', () => {
    const took = (count: number) => print(document, new Map([['fence', { p75Ms: 30, count }]]));
    expect(took(4)).toContain('throwover took at most 30 ms for it in 75 % of 4 runs.');
    expect(took(3)).toContain('throwover did it in 3 runs: too few to say how long it takes.');
    expect(took(3)).not.toContain('30 ms');
  });

  test('as HTML what stands in a box is text, and nothing comes from elsewhere', async () => {
    const blocks = pageOf(document, { atWallMs: 0, expected: new Map() });
    const page = await htmlOf('By hand', blocks, () => 'abc');
    expect(page).toContain('promote &lt;now&gt; &amp; here');
    expect(page).not.toMatch(/(src|href)=/);
  });
});

describe('drift', () => {
  const paper = print(document);
  const [fence, hold, promote, flip] = document.steps as [HandStep, HandStep, HandStep, HandStep];

  test('none while it is what would be printed now, whatever the day and the history', () => {
    expect(drift(paper, document)).toEqual([]);
    expect(drift(print(document, new Map([['fence', { p75Ms: 1, count: 9 }]])), document)).toEqual(
      [],
    );
  });

  test.each<[string, HandDocument, string[]]>([
    ['another epoch', { ...document, epoch: 5 }, ['epoch: 4 printed, 5 now']],
    [
      'a step done otherwise',
      { ...document, steps: [step('fence', 'shut'), hold, promote, flip] },
      ['fence: done in another way now'],
    ],
    [
      'a step that is new, and one that is gone',
      { ...document, steps: [fence, promote, flip, step('release', 'give back')] },
      ['hold: gone', 'release: new'],
    ],
    [
      'another order',
      { ...document, steps: [hold, fence, promote, flip] },
      ['the steps stand in another order'],
    ],
    [
      'what stands around the steps',
      { ...document, onCall: ['bob'] },
      ['what stands before or after the steps is different'],
    ],
  ])('%s', (_, now, said) => {
    expect(drift(paper, now)).toEqual(said);
  });

  test('a text that somebody has changed is told, and what is no paper is refused', () => {
    expect(drift(paper.replace('unclose', 'open'), document)).toEqual([
      'the text of the file was changed after it was printed',
    ]);
    expect(() => readPrinted('notes.md', '# Notes\n')).toThrow(
      expect.objectContaining({ code: 'runbook-not-printed' }),
    );
  });
});
