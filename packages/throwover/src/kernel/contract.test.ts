import { expect, it } from 'vitest';
import { mustFail } from './contract.fixture.ts';

it('a part that an implementation cannot keep fails the suite when it works after all', async () => {
  await expect(mustFail('counts', Promise.resolve())).rejects.toThrow(
    '"counts" works: remove it from what this one cannot do',
  );
  await mustFail('counts', Promise.reject(new Error('it does not count')));
});
