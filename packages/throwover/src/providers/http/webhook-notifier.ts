import { Webhook } from 'standardwebhooks';
import { request } from 'undici';
import {
  type Clock,
  canonicalJson,
  dateAt,
  isoTime,
  newId,
  type Random,
} from '../../kernel/kernel.ts';
import type { Notifier } from '../../notify/notify.ts';
import type { NoticeKind } from '../../service/service.ts';

/**
 * Sends notices as JSON to an HTTP endpoint, signed by the Standard Webhooks specification if there
 * is a secret. Slack and similar services read `text`.
 */
export function webhookNotifier(options: {
  readonly url: string;
  readonly kinds: readonly NoticeKind[];
  /** Read when it is used; `null`: notices are not signed. */
  readonly secret: (() => Promise<string>) | null;
  readonly clock: Clock;
  readonly random: Random;
}): Notifier {
  const { url, kinds, secret, clock, random } = options;
  return {
    name: `webhook ${new URL(url).origin}`,
    kinds,
    send: async (notice, signal) => {
      const { subject, text, wallMs, ...rest } = notice;
      const body = canonicalJson({
        type: `throwover.${notice.kind}`,
        timestamp: isoTime(wallMs),
        text: `${subject}\n${text}`,
        data: { ...rest, subject },
      });
      const id = newId('msg', clock, random);
      // The specification counts seconds; the library takes them as a Date.
      const at = clock.wallMs();
      const signature =
        secret === null ? null : new Webhook(await secret()).sign(id, dateAt(at), body);
      const { statusCode, body: answer } = await request(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(at / 1_000)),
          ...(signature === null ? {} : { 'webhook-signature': signature }),
        },
        body,
        signal,
      });
      await answer.dump();
      if (statusCode < 200 || statusCode > 299) throw new Error(`answered ${statusCode}`);
    },
  };
}
