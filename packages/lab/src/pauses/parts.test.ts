import { expect, test } from 'vitest';
import { partOf } from './parts.ts';

const node = ['/usr/bin/node', '--conditions=throwover-source'];

test.each([
  [['/opt/pg/bin/postgres', '-D', '/data'], 'postgres'],
  [['postgres: walwriter '], 'postgres'],
  [['postgres: checkout checkout 127.0.1.2(40000) INSERT'], 'postgres'],
  [[...node, '/x/bin/throwover.js', 'guard', '--config', '/lab/config/east-guard.json'], 'guard'],
  [
    [...node, '/x/bin/throwover.js', 'gateway', '--config', '/lab/config/west-gateway.json'],
    'gateway',
  ],
  [[...node, '/x/door/front-door.ts', '/lab/config/east-door.json'], 'door'],
  [[...node, '/x/functions/function-pool.ts', '/lab/config/east-functions.json'], 'functions'],
  [[...node, '/x/functions/runtime.ts'], 'instance'],
  [[...node, '/x/bin/throwover.js', 'serve', '--data', '/lab/witness'], 'serve'],
  [[...node, '/x/bin/throwover.js', 'switchover', '--to', 'west'], 'controller'],
  [[...node, '/x/bin/throwover.js', 'resume', '--takeover'], 'controller'],
  [[...node, '/x/dns/dns-server.ts', '/lab/config/dns.json'], 'dns'],
  [[...node, '/x/bin/throwover.js', 'plan', 'switchover'], null],
  [[...node, '/x/clients/clients.ts', '{}'], null],
  [[...node, '/x/world/region.ts', '/lab/config/east.json'], null],
  [['/bin/sh', '-c', 'echo postgres'], null],
])('%j is %s', (argv, part) => {
  expect(partOf(argv)).toBe(part);
});
