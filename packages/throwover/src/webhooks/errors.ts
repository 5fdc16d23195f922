import { defineErrors } from '../kernel/kernel.ts';

export const webhookErrors = defineErrors({
  'gateway-unreachable': {
    disposition: 'retry',
    answered: false,
    exit: 'away',
    notLost:
      'Events that the gateway answered with 2xx are in its journal; senders retry the others.',
    remedy:
      'Ask it yourself: `curl http://ADMIN-ADDRESS/v1/gateway`. Start `throwover gateway --config FILE` again where it should run.',
  },
  'gateway-refused': {
    disposition: 'stop',
    notLost: 'The gateway goes on in the mode that it had.',
    remedy:
      'A newer run has told this gateway what to do. See `throwover runs`; stop the controller of the older run and do not resume it.',
  },
  'gateway-request-invalid': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      'Correct the fields that the message names; client and gateway should be of one version of throwover.',
  },
  'gateway-config-invalid': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'The gateway did not start; its journal was not touched.',
    remedy: 'Correct the named field of the configuration file and start again.',
  },
  'gateway-port-taken': {
    disposition: 'stop',
    notLost: 'The gateway did not start; its journal was not changed.',
    remedy: 'See who listens there (`ss -ltnp`), end it or choose another port, and start again.',
  },
  'gateway-listen-failed': {
    disposition: 'stop',
    notLost: 'The gateway did not start; its journal was not changed.',
    remedy:
      'Give addresses of this machine (`host`, `adminHost`), and ports that the gateway’s user may open; then start it again.',
  },
  'gateway-journal-in-use': {
    disposition: 'stop',
    notLost: 'The journal was not changed; the gateway that has it goes on.',
    remedy:
      'Another gateway runs on the same dataDir. Give each gateway its own, or end the other one.',
  },
  'gateway-journal-unusable': {
    disposition: 'page',
    notLost: 'The journal was not changed.',
    remedy:
      'Look at dataDir: does the disk exist, is it writable, was the file written by a newer throwover?',
  },
  'gateway-journal-stopped': {
    disposition: 'page',
    notLost:
      'Every event that was answered with 2xx is on disk. New ones are answered 503, so their senders retry.',
    remedy:
      'Free or repair the disk (or raise journalMaxBytes), then restart the gateway: it resumes from its journal.',
  },
  'gateway-busy': {
    disposition: 'retry',
    notLost: 'This event was not accepted; its sender retries.',
    remedy:
      'Nothing, if it passes. If it lasts, the disk is slower than the senders, or somebody sends many large bodies: look at its write latency, and at who connects (`ss -tn`).',
  },
  'gateway-closing': {
    disposition: 'retry',
    notLost: 'This event was not accepted; its sender retries.',
    remedy: 'Nothing: the gateway is being restarted.',
  },
  'webhook-signature-refused': {
    disposition: 'stop',
    notLost: 'Nothing was accepted.',
    remedy:
      'If the sender is real, the secret of this source is not the one of its endpoint: compare the two. Status counts refusals.',
  },
  'webhook-without-id': {
    disposition: 'stop',
    notLost:
      'Nothing was accepted: without an id the same event could not be recognized when it comes again.',
    remedy: 'Let the sender put an id into the JSON field `id` or the header `throwover-event-id`.',
  },
  'webhook-too-large': {
    disposition: 'stop',
    notLost: 'Nothing was accepted.',
    remedy: 'Let the sender send a reference instead of the content.',
  },
  'webhook-source-unknown': {
    disposition: 'stop',
    notLost: 'Nothing was accepted.',
    remedy:
      "The address is /in/SOURCE, by POST, with a source that stands in the gateway's configuration.",
  },
});
