import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { emailNotifier } from './email-notifier.ts';

let close: (() => void)[] = [];
afterEach(() => {
  for (const end of close) end();
  close = [];
});

/** A mail server that speaks just enough of RFC 5321 to take one message, or to refuse its recipient. */
async function mailServer(options: { refuse: boolean }) {
  const lines: string[] = [];
  const server = createServer((socket) => {
    let inData = false;
    const say = (text: string) => socket.write(`${text}\r\n`);
    say('220 lab');
    createInterface({ input: socket }).on('line', (line) => {
      lines.push(line);
      if (inData) {
        if (line !== '.') return;
        inData = false;
        say('250 taken');
      } else if (/^(EHLO|HELO)/.test(line)) say('250 lab');
      else if (line.startsWith('RCPT') && options.refuse) say('550 nobody here');
      else if (line === 'DATA') {
        inData = true;
        say('354 go on');
      } else if (line === 'QUIT') socket.end('221 bye\r\n');
      else say('250 ok');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  close.push(() => server.close());
  return { server: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`, lines };
}

const notice = {
  kind: 'failed',
  service: 'checkout',
  runId: 'run-1',
  subject: 'Needs you: failover of checkout',
  text: 'It stays open.',
  wallMs: 0,
} as const;

const notifier = (server: string) =>
  emailNotifier({
    server,
    from: 'throwover@example.test',
    to: ['on-call@example.test'],
    kinds: ['failed'],
    login: null,
  });

describe('notices by e-mail', () => {
  it('reach a mail server as text with a subject', async () => {
    const { server, lines } = await mailServer({ refuse: false });
    await notifier(server).send(notice, new AbortController().signal);
    expect(lines).toContain('RCPT TO:<on-call@example.test>');
    expect(lines).toContain('Subject: [throwover] Needs you: failover of checkout');
    expect(lines).toContain('It stays open.');
  });

  it('fail when the server refuses them', async () => {
    const { server } = await mailServer({ refuse: true });
    await expect(notifier(server).send(notice, new AbortController().signal)).rejects.toThrow(
      /recipients were rejected/,
    );
  });
});
