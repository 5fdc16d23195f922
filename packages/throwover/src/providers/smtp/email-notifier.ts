import type { NoticeKind, Notifier } from '../../notify/notify.ts';

/**
 * Sends notices as plain text e-mail over SMTP. `server` is a URL such as
 * `smtps://mail.example.com:465` or `smtp://10.0.0.5:25`; the library is loaded when the first
 * notice is sent.
 */
export function emailNotifier(options: {
  readonly server: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly kinds: readonly NoticeKind[];
  /** User and password, read when they are used; `null`: none. */
  readonly login: { readonly user: string; readonly password: () => Promise<string> } | null;
}): Notifier {
  const { server, from, to, kinds, login } = options;
  const { protocol, hostname, port } = new URL(server);
  const secure = protocol === 'smtps:';
  return {
    name: `email ${to.join(', ')}`,
    kinds,
    send: async (notice, signal) => {
      const { createTransport } = await import('nodemailer');
      const transport = createTransport({
        host: hostname,
        port: port === '' ? (secure ? 465 : 587) : Number(port),
        secure,
        ...(login === null ? {} : { auth: { user: login.user, pass: await login.password() } }),
      });
      const close = () => transport.close();
      signal.addEventListener('abort', close, { once: true });
      try {
        await transport.sendMail({
          from,
          to: [...to],
          subject: `[throwover] ${notice.subject}`,
          text: notice.text,
        });
      } finally {
        signal.removeEventListener('abort', close);
        close();
      }
    },
  };
}
