/** A complete, valid throwover.yaml, for tests. Line numbers in tests refer to this text. */
export const wholeFile = `version: 1
service: checkout
owner: payments-team
onCall: [ana@example.com]
objectives: { rto: 5m, rpo: 0s }
store: { url: http://127.0.3.1:7610 }
regions:
  east:
    addresses: [127.0.1.1]
    door: { admin: http://127.0.1.1:7601, forward: http://127.0.1.1:7607 }
    functions: { endpoint: http://127.0.1.1:7602, awsRegion: us-east-1 }
    database: { guard: http://127.0.1.1:7603 }
    gateway: { admin: http://127.0.1.1:7605, deliver: http://127.0.1.1:7600 }
  west:
    addresses: [127.0.2.1]
    door: { admin: http://127.0.2.1:7601, forward: http://127.0.2.1:7607 }
    functions: { endpoint: http://127.0.2.1:7602, awsRegion: us-west-2 }
    database: { guard: http://127.0.2.1:7603 }
    gateway: { admin: http://127.0.2.1:7605, deliver: http://127.0.2.1:7600 }
traffic:
  provider: route53
  endpoint: http://127.0.0.1:7620
  zoneId: Z00000000000000000001
  name: checkout.example.test
  type: A
  ttl: 60s
  nameservers: [127.0.0.1:7621]
functions: { name: checkout, alias: live, warm: measured, burst: 2, hold: 5m }
database:
  provider: postgres
  lagBound: 200ms
  armTimeout: 2m
  drain: { hold: 2s, openTransactions: 500ms }
  attachTimeout: 5m
webhooks:
  retention: 72h
  sources:
    stripe: { scheme: stripe, secret: env:STRIPE_WEBHOOK_SECRET, path: /webhooks/stripe }
steps:
  - name: pause-cron
    before: fence
    observe: { command: [./cron, status] }
    act: { http: { method: POST, url: http://127.0.0.1:9/pause } }
    undo: { none: the cron resumes by itself }
checks:
  - name: queue-drained
    observe: { command: [./queue, empty] }
    override: allow-queue
`;
