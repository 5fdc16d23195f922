/**
 * Character strings in the form of Route 53: `"one" "two"`, each at most 255 bytes, with `\"`, `\\`
 * and `\101` (octal) as escapes.
 */
const maxStringBytes = 255;

/** Returns the strings of a TXT value, or Route 53's message when it is not one. */
export function parseTxt(value: string): { strings: Buffer[] } | { problem: string } {
  const strings: Buffer[] = [];
  const pattern = /\s*"((?:[^"\\]|\\.)*)"(?=\s|$)/gsy;
  let end = 0;
  for (let match = pattern.exec(value); match; match = pattern.exec(value)) {
    end = pattern.lastIndex;
    const bytes = unescaped(match[1] ?? '');
    if (bytes.length > maxStringBytes)
      return { problem: fatal('CharacterStringTooLong', 'Value is too long', value) };
    strings.push(bytes);
  }
  if (strings.length === 0 || value.slice(end).trim() !== '') {
    const words = 'Value should be enclosed in quotation marks';
    return { problem: fatal('InvalidCharacterString', words, value) };
  }
  return { strings };
}

/** Returns Route 53's message about a value. */
export const fatal = (name: string, words: string, value: string) =>
  `FATAL problem: ${name} (${words}) encountered with '${value}'`;

function unescaped(text: string): Buffer {
  const parts: Buffer[] = [];
  for (const [, octal, escaped, plain] of text.matchAll(/\\([0-7]{3})|\\(.)|([^\\]+)/gs)) {
    if (octal !== undefined) parts.push(Buffer.from([Number.parseInt(octal, 8) & 0xff]));
    else parts.push(Buffer.from(escaped ?? plain ?? '', 'utf8'));
  }
  return Buffer.concat(parts);
}
