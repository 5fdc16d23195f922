import { once } from 'node:events';
import { connect } from 'node:net';
import type { Notifier } from '../../notify/notify.ts';
import type { NoticeKind } from '../../service/service.ts';

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
      // A URL has an IPv6 address in brackets; a socket does not.
      const host = hostname.replace(/^\[|\]$/g, '');
      const at = { host, port: port === '' ? (secure ? 465 : 587) : Number(port) };
      // A connection of our own: the library cannot be told to give one up.
      const connection = connect(at);
      // The library listens later; until then a connection that breaks would end the process.
      connection.on('error', () => {});
      const late = Promise.withResolvers<never>();
      // It may be rejected when nobody waits for it any more.
      late.promise.catch(() => {});
      const end = () => {
        connection.destroy();
        late.reject(signal.reason);
      };
      signal.addEventListener('abort', end, { once: true });
      try {
        await Promise.race([once(connection, 'connect'), late.promise]);
        const transport = createTransport({ ...at, secure, connection, ...auth });
        const mail = {
          ...{ from, to: [...to], text: notice.text },
          subject: `[throwover] ${notice.subject}`,
        };
        await Promise.race([transport.sendMail(mail), late.promise]);
      } finally {
        signal.removeEventListener('abort', end);
        // After its farewell to the server.
        connection.destroySoon();
      }
    },
  };
}
