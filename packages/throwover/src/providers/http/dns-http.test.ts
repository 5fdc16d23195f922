import { describe, expect, test } from 'vitest';
import { dnsConformance } from '../../traffic/conformance.ts';
import { first, name, startApi } from './dns-http.fixture.ts';
import { httpDns } from './dns-http.ts';

dnsConformance('generic HTTP', async () => {
  const api = await startApi({ token: 'a-token' });
  const open = () => httpDns({ url: api.url, name, type: 'A', token: async () => 'a-token' });
  return {
    open,
    east: ['127.0.1.1'],
    west: ['127.0.2.1', '127.0.2.2'],
    tamper: api.tamper,
    ask: () => open().readBack(),
    stop: api.stop,
  };
});

describe('an API that does not keep the contract is refused, and named', () => {
  const cases: [string, object, string][] = [
    ['an empty answer', { ...first, values: [] }, 'values'],
    ['another record', { ...first, name: 'other.example.test' }, 'it is the record other'],
    ['something else', { hello: true }, 'does not keep the contract'],
  ];
  test.each(cases)('%s', async (_, answer, words) => {
    const api = await startApi({ answer: () => answer });
    try {
      await expect(
        httpDns({ url: api.url, name, type: 'A', token: null }).read(),
      ).rejects.toMatchObject({ code: 'dns-refused', message: expect.stringContaining(words) });
    } finally {
      await api.stop();
    }
  });

  test('a token that is not taken', async () => {
    const api = await startApi({ token: 'right' });
    try {
      const dns = httpDns({ url: api.url, name, type: 'A', token: async () => 'wrong' });
      await expect(dns.read()).rejects.toMatchObject({
        code: 'dns-refused',
        message: expect.stringContaining('403'),
      });
    } finally {
      await api.stop();
    }
  });
});
