import { afterEach, describe, expect, it } from 'vitest';
import { startMailServer } from '../../../../lab/src/world/notices.fixture.ts';
import { type NotifierUnderTest, notifierConformance } from '../../notify/conformance.ts';
import { freePort, silentServer } from '../../notify/far-side.fixture.ts';
import { emailNotifier } from './email-notifier.ts';

let close: (() => void)[] = [];
afterEach(() => {
  for (const end of close) end();
  close = [];
});

async function mailServer(options: { refuse: boolean }) {
  const { url: server, lines, close: end } = await startMailServer(options);
  close.push(end);
  return { server, lines };
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

async function open(): Promise<NotifierUnderTest> {
  const taking = await startMailServer({ refuse: false });
  const refusing = await startMailServer({ refuse: true });
  const hanging = await silentServer();
  const urls = {
    takes: taking.url,
    refuses: refusing.url,
    hangs: `smtp://127.0.0.1:${hanging.port}`,
    gone: `smtp://127.0.0.1:${await freePort()}`,
  };
  return {
    notifier: async (far) =>
      emailNotifier({
        server: urls[far],
        from: 'throwover@example.test',
        to: ['on-call@example.test'],
        kinds: ['started', 'failed'],
        login: null,
      }),
    received: () => taking.lines.join('\n'),
    connected: hanging.connected,
    end: async () => {
      for (const server of [taking, refusing, hanging]) server.close();
    },
  };
}

notifierConformance('e-mail', open);

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
