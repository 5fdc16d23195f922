import { stripVTControlCharacters } from 'node:util';

/**
 * Characters that a terminal acts on instead of showing them: controls (not the line break and the
 * tab), and those that turn the direction of text around.
 */
const acting = /[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Returns a text that only shows itself on a terminal. Names, reasons and messages come from other
 * machines, and whoever can store one could otherwise move the cursor or hide a line.
 */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replace(acting, '\ufffd');
}

/** Returns JSON on one line of which the same is true; it reads back as the same value. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(acting, (one) => {
    return `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
