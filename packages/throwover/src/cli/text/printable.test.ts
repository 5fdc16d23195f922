import { describe, expect, test } from 'vitest';
import { printable, printableJson } from './printable.ts';

describe('a text from another machine', () => {
  test.each([
    ['colours', 'by \u001b[31malice\u001b[0m', 'by alice'],
    ['hidden text', 'run \u001b[8mfailed\u001b[0m', 'run failed'],
    ['a cursor that goes up and a line that is wiped', 'a\u001b[1A\u001b[2Kb', 'ab'],
    ['the title of the window', 'a\u001b]0;root@db\u0007b', 'ab'],
    ['a sequence that does not end', 'a\u001b', 'a\ufffd'],
    ['the one-byte form of an escape', 'a\u009b31mb', 'ab'],
    ['a return to the beginning of the line', 'failed\rdone  ', 'failed\ufffddone  '],
    ['a backspace, a bell, a delete', 'a\b\u0007\u007fb', 'a\ufffd\ufffd\ufffdb'],
    ['text that runs the other way', 'east\u202etsew', 'east\ufffdtsew'],
    ['lines and tabs', 'a\n\tb\n', 'a\n\tb\n'],
    ['other alphabets and joined signs', 'Жан 日本 👩‍🔧 naïve', 'Жан 日本 👩‍🔧 naïve'],
  ])('%s', (_what, text, shown) => {
    expect(printable(text)).toBe(shown);
    const json = printableJson({ text });
    expect(printable(json)).toBe(json);
    expect(JSON.parse(json)).toEqual({ text });
  });
});
