import { defineErrors } from '../kernel/kernel.ts';

export const trafficErrors = defineErrors({
  'dns-lost-race': {
    disposition: 'stop',
    notLost:
      'Nothing was overwritten: the record has the value that somebody else wrote, and resolvers still get it.',
    remedy:
      'Another run or a person changed the record; `throwover check` shows it. If `throwover runs` shows a run as open, `throwover resume RUN` reads the record again and goes on. Otherwise plan again.',
  },
  'dns-empty-answer': {
    disposition: 'stop',
    notLost: 'Nothing was sent: the record still says what it said.',
    remedy: 'Give the region at least one address in throwover.yaml: `regions.NAME.addresses`.',
  },
  'dns-unreachable': {
    disposition: 'retry',
    answered: false,
    exit: 'away',
    notLost:
      'Whether the last change was made is unknown; it is looked at again before anything is repeated.',
    remedy:
      'Test the network, the address and the credentials of the DNS provider from this machine. If `throwover runs` shows an open run, type `throwover resume`; otherwise repeat your command.',
  },
  'dns-refused': {
    disposition: 'stop',
    notLost: 'The provider changed nothing: the record still says what it said.',
    remedy:
      "Read the provider's words above: most often a missing permission (route53:ChangeResourceRecordSets, route53:ListResourceRecordSets; the TSIG key's right to update), a wrong zone, key or secret, or a value that does not fit the type.",
  },
  'dns-safety-rule': {
    disposition: 'stop',
    notLost: 'ARC changed no state: traffic goes to the same region as before.',
    remedy:
      'Read the rule that is named above. A wait period ends by itself. A rule of another kind must be changed in ARC: throwover overrides none. Then `throwover resume`.',
  },
  'dns-record-missing': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      'Create the record in the zone first, or correct `traffic` in throwover.yaml: `name` and `type`, and where the zone is (`zoneId` for route53; `server` and `zone` for rfc2136; `url` for http).',
  },
  'dns-record-foreign': {
    disposition: 'stop',
    notLost:
      'Nothing was changed: a record without our generation beside it is not ours to change.',
    remedy:
      'Adopt the record once (it writes the TXT record `_throwover.NAME`). A record of another kind than `traffic.routing` names (alias, latency, geolocation) must become one of that kind first.',
  },
  'dns-points-elsewhere': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      'See which region is active with `throwover check`; correct the direction of the run, or accept it with `--override dns-points-elsewhere`.',
  },
  'door-unreachable': {
    disposition: 'retry',
    answered: false,
    exit: 'away',
    notLost: 'The door keeps its last mode without throwover, and a hold ends by itself.',
    remedy:
      "Check that the door's process runs and that its admin address (`regions.NAME.door.admin`) is reachable from here; then run the command again.",
  },
  'door-refused': {
    disposition: 'stop',
    notLost: 'The door stays in the mode that the newer controller gave it.',
    remedy:
      'A newer epoch or controller has commanded this door. Look at `throwover runs`; leave this run.',
  },
  'door-wrong-region': {
    disposition: 'stop',
    notLost: 'The door was not changed.',
    remedy:
      'The admin address belongs to the door of another region: correct `regions.NAME.door.admin`.',
  },
  'door-bad-command': {
    disposition: 'stop',
    notLost: 'The door was not changed.',
    remedy:
      'Run the same version of throwover on both sides; see the expected shape in the evidence.',
  },
  'door-state-unwritable': {
    disposition: 'page',
    notLost: 'The door goes on in the mode that it had, and serves.',
    remedy:
      "Free disk space or repair the permissions of the door's state file, then `throwover resume`.",
  },
  'door-state-damaged': {
    disposition: 'page',
    notLost: 'Nothing was served in a wrong mode: the door did not start.',
    remedy:
      'Look at the state file that is named. If the region is active, move the file away and start the door again.',
  },
  'door-held-too-long': {
    disposition: 'retry',
    notLost: 'The request was not handed to the application.',
    remedy: 'Send it again after the seconds in Retry-After.',
  },
  'door-full': {
    disposition: 'retry',
    notLost: 'The request was not handed to the application.',
    remedy: 'Send it again after the seconds in Retry-After.',
  },
  'door-busy': {
    disposition: 'retry',
    notLost: 'The request was not handed to the application.',
    remedy:
      'Client: send the request again after the seconds in Retry-After. Operator, if it lasts: add capacity behind this door, or raise its limit of concurrent requests.',
  },
  'door-closing': {
    disposition: 'retry',
    notLost: 'The request was not handed to the application.',
    remedy: 'Send it again on a new connection.',
  },
  'door-no-upstream': {
    disposition: 'retry',
    notLost: 'The request was not sent to the active region.',
    remedy: 'Send it again after the seconds in Retry-After; better: look the name up again.',
  },
  'door-upstream-failed': {
    disposition: 'retry',
    notLost: 'Whether the active region carried the request out is unknown.',
    remedy: 'Send it again with the same idempotency key.',
  },
  'door-loop': {
    disposition: 'page',
    notLost: 'The request was not handed to an application.',
    remedy:
      'Two doors forward to each other. See `throwover check` and set the door of the active region to serve.',
  },
  'door-upgrade': {
    disposition: 'retry',
    notLost: 'No connection was upgraded.',
    remedy:
      'Look the name up again and connect to the active region: this door forwards plain requests only.',
  },
  'edge-config-invalid': {
    disposition: 'stop',
    exit: 'usage',
    notLost: 'Nothing was started.',
    remedy: 'Correct the field that is named in the configuration of `throwover edge`.',
  },
  'edge-listen-failed': {
    disposition: 'stop',
    notLost: 'Nothing was started; the mode on disk is what it was.',
    remedy:
      'See who has the address and port that are named, and whether this user may listen there.',
  },
  'edge-no-application': {
    disposition: 'retry',
    notLost: 'The request was not sent to the application.',
    remedy:
      'Client: send the request again after the seconds in Retry-After. Operator, if it lasts: check that the application runs at `upstream`.',
  },
  'edge-application-failed': {
    disposition: 'retry',
    notLost: 'Whether the application carried the request out is unknown.',
    remedy: 'Send it again with the same idempotency key; see the log of the application.',
  },
  'edge-upgrade': {
    disposition: 'stop',
    notLost: 'No connection was upgraded.',
    remedy:
      'This proxy passes plain requests only: let websockets go to the application by another way.',
  },
});
