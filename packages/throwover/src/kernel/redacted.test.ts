import { expect, test } from 'vitest';
import { ThrowoverError } from './errors.ts';
import { redacted } from './redacted.ts';

test.each([
  ['https://ana:s3cret@host/a', 'https://***@host/a'],
  ['https://s3cret@host:8443', 'https://***@host:8443'],
  ['postgres://u:s3/cr?e#t@host:5432/db', 'postgres://***@host:5432/db'],
  ['https://u:s3cret@a@host/', 'https://***@host/'],
  ['https://u:s3cret@[::1]:80/x', 'https://***@[::1]:80/x'],
  ['https://:s3cret@host/', 'https://***@host/'],
  ['HTTPS://u:s3cret@HOST/', 'HTTPS://***@HOST/'],
  ['https://host/a?token=s3cret&n=', 'https://host/a?token=***&n=***'],
  ['https://host?s3cret', 'https://host?***'],
  ['https://host/a?x=1=s3cret', 'https://host/a?x=***'],
  ['https://host/cb#access_token=s3cret', 'https://host/cb#***'],
  ['https://host/a?x=s3cret#s3cret', 'https://host/a?x=***#***'],
  ['https://[::1]:8080/a?x=s3cret', 'https://[::1]:8080/a?x=***'],
  ["host=db password=s3cret user='x'", "host=db password=*** user='x'"],
  ["host=db password='it\\'s s3cret' user=x", 'host=db password=*** user=x'],
  ['PGPASSWORD=s3cret psql', 'PGPASSWORD=*** psql'],
])('%s', (text, shown) => {
  expect(redacted(text)).toBe(shown);
  expect(redacted(shown)).toBe(shown);
  expect(redacted(`GET <${text}>, "https://a:s3cret@b"\n${text}`)).not.toContain('s3cret');
});

test.each([
  ...['', 'no URL: a@b.example', 'http://10.0.0.1:7601/v1/door', 'http://[::1]:80', 'https://h:/x'],
  ...['https://host/@scope/name', 'https://host/a:b@c', 'dns://192.0.2.1:53', 'a?b=c', '://u:p@h'],
  ...['password authentication failed for user "x"', 'http://', 'https://host/?', 'https://host/#'],
])('leaves alone what has no secret: %s', (text) => {
  expect(redacted(text)).toBe(text);
});

test('a quote that nothing closes hides the rest', () => {
  expect(redacted("password = 'a s3cret")).toBe('password = ***');
});

test.each([
  ...['a', 'a.', 'a-', ':', '@', ':@', '?', '?=', "password='\\", 'password= ', 'password  '],
  ...['x://', '=&', '\\'],
])('a long text of %s takes no time', { timeout: 10_000 }, (text) => {
  redacted(`https://${text.repeat(200_000)}`);
  redacted(text.repeat(200_000));
});

test('an error never holds the secrets of a URL, also after it crossed a wire', () => {
  const definition = { disposition: 'stop', notLost: 'Nothing.', remedy: 'Look.' } as const;
  const url = 'http://ana:s3cret@host/?token=s3cret';
  const error = new ThrowoverError('x', definition, `no answer from ${url}`, { url, tries: 3 });
  const json = JSON.stringify(error);
  expect(json).not.toContain('s3cret');
  expect(error.evidence).toEqual({ url: 'http://***@host/?token=***', tries: 3 });
  expect(JSON.stringify(ThrowoverError.fromJSON(JSON.parse(json)))).toBe(json);
});
