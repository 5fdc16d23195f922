import { defineErrors } from '../kernel/kernel.ts';

export const wireErrors = defineErrors({
  'caller-refused': {
    disposition: 'stop',
    notLost: 'The call was not read, so nothing was changed.',
    remedy:
      'Give the calling machine a certificate of this service: `throwover pki show` lists them, `throwover pki renew` and `issue` make new ones. docs/certificates.md says what is accepted.',
  },
  'call-not-allowed': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      "Call with the certificate of a machine whose role may do this; docs/http-api.md has the table. If nobody meant to call, find out who has this certificate's key, and revoke it: `throwover pki revoke`.",
  },
  'certificate-out-of-date': {
    disposition: 'stop',
    notLost: 'Nothing was changed. Runs that have begun, and the data path, go on.',
    remedy:
      'Renew the certificate with `throwover pki renew`, or correct the clock of the machine that is wrong, then try again. `throwover pki show` lists the dates.',
  },
  'listen-unprotected': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was changed.',
    remedy:
      'Give this process a certificate (`throwover pki issue`; docs/certificates.md), or let it listen on a loopback address. If something else protects the port, set `insecure: true`; `throwover check` is not green then.',
  },
  'process-busy': {
    disposition: 'retry',
    exit: 'away',
    notLost: 'The call was not read, so nothing was changed.',
    remedy:
      'Nothing, if it passes. If it lasts, see who sends large calls to this port (`ss -tnp`), and let only the machines of this service reach it.',
  },
  'call-from-a-page': {
    disposition: 'stop',
    notLost: 'The call was not read, so nothing was changed.',
    remedy:
      'No web page may call this port: a call with an `Origin` header is refused. Use the command line, or a program that sends no such header. If nobody meant to call it, somebody opened a page that tried.',
  },
});
