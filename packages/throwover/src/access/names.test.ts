import { expect, it } from 'vitest';
import { checkedName, formatName, machineRoles, meansName, parseName } from './names.ts';

it.each([
  'throwover://checkout/guard/east/1',
  'throwover://checkout/gateway/eu-west-1/b',
  'throwover://c/door/e/0',
  'throwover://checkout/serve/1',
  'throwover://checkout/controller/anna-laptop',
  `throwover://${'s'.repeat(63)}/agent/${'r'.repeat(31)}/${'i'.repeat(31)}`,
])('%s is read and written as itself', (uri) => {
  const name = parseName(uri);
  expect(name).not.toBeNull();
  if (name !== null) expect(formatName(name)).toBe(uri);
});

it.each([
  '',
  'throwover://',
  'throwover:///checkout/guard/east/1',
  'throwover:/checkout/guard/east/1',
  'THROWOVER://checkout/guard/east/1',
  'throwover://Checkout/guard/east/1',
  'throwover://checkout/Guard/east/1',
  'throwover://checkout/guard/east',
  'throwover://checkout/guard//1',
  'throwover://checkout/guard/east/',
  'throwover://checkout/guard/east/1/',
  'throwover://checkout/guard/east/1/2',
  'throwover://checkout/guard/east/1?a=b',
  'throwover://checkout/guard/east/1#a',
  'throwover://checkout/guard/east/%31',
  'throwover://checkout/guard/e%61st/1',
  'throwover://checkout:7610/guard/east/1',
  'throwover://user@checkout/guard/east/1',
  'throwover://checkout/guard/../1',
  'throwover://checkout/guard/./1',
  'throwover://checkout/guard/east/-1',
  'throwover://checkout/guard/1east/1',
  'throwover://checkout/serve/east/1',
  'throwover://checkout/serve/1/2/3',
  'throwover://checkout/serve/1//',
  'throwover://checkout/root/1',
  'throwover://checkout/constructor/1',
  'throwover://checkout/guard/east/1\n',
  ' throwover://checkout/guard/east/1',
  'throwover://checkout/guard/e\u0430st/1',
  'throwover://checkout/guard/east/1\u0000',
  `throwover://${'s'.repeat(64)}/serve/1`,
  `throwover://checkout/guard/${'r'.repeat(32)}/1`,
  `throwover://checkout/serve/${'i'.repeat(32)}`,
  'https://checkout/guard/east/1',
])('%j is no name', (uri) => {
  expect(parseName(uri)).toBeNull();
});

it('a region is demanded of exactly the roles that stand in one', () => {
  const regional = machineRoles.filter(
    (role) => checkedName({ service: 's', role, region: 'east', instance: '1' }) !== null,
  );
  const placeless = machineRoles.filter(
    (role) => checkedName({ service: 's', role, region: null, instance: '1' }) !== null,
  );
  expect(regional).toEqual(['guard', 'agent', 'door', 'gateway']);
  expect(placeless).toEqual(['serve', 'controller', 'metrics']);
});

it('what only looks like a name counts as one that is wrong, not as none', () => {
  expect(['THROWOVER:x', ' throwover://a', 'throwover:'].map(meansName)).toEqual([
    true,
    true,
    true,
  ]);
  expect(['https://a', 'spiffe://throwover/a', ''].map(meansName)).toEqual([false, false, false]);
});
