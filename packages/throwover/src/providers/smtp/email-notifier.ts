import { Socket } from 'node:net';
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
      const auth =
        login === null ? {} : { auth: { user: login.user, pass: await login.password() } };
      signal.throwIfAborted();
      // A socket of our own: closing the transport does not end a delivery that hangs.
      const socket = new Socket();
      const transport = createTransport({
        host: hostname,
        port: port === '' ? (secure ? 465 : 587) : Number(port),
        ...{ secure, socket, ...auth },
      });
      const late = Promise.withResolvers<never>();
      const end = () => {
        socket.destroy();
        late.reject(signal.reason);
      };
      signal.addEventListener('abort', end, { once: true });
      const mail = {
        ...{ from, to: [...to], text: notice.text },
        subject: `[throwover] ${notice.subject}`,
      };
      try {
        await Promise.race([transport.sendMail(mail), late.promise]);
      } finally {
        signal.removeEventListener('abort', end);
        transport.close();
      }
    },
  };
}
