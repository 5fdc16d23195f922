import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * Returns an id that sorts by creation time: `run_06f3k2v8q0-7hx2kd9m`. The first part is wall
 * milliseconds in base 32, the second 40 random bits.
 */
export function newId(prefix: string, clock: Clock, random: Random): string {
  let time = Math.floor(clock.wallMs());
  let head = '';
  for (let i = 0; i < 10; i++) {
    head = alphabet.charAt(time % 32) + head;
    time = Math.floor(time / 32);
  }
  let tail = '';
  for (let i = 0; i < 8; i++) tail += alphabet.charAt(random.integer(32));
  return `${prefix}_${head}-${tail}`;
}
