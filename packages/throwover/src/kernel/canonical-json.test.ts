import { expect, test } from 'vitest';
import { canonicalJson } from './canonical-json.ts';

test('the order of keys does not matter, at any depth; the order of a list does', () => {
  expect(canonicalJson({ b: 1, a: [{ y: null, x: 'é' }], c: undefined })).toBe(
    '{"a":[{"x":"é","y":null}],"b":1}',
  );
  expect(canonicalJson({ a: { x: 1, y: 2 }, b: 3 })).toBe(
    canonicalJson({ b: 3, a: { y: 2, x: 1 } }),
  );
  expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
});
