import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { until } from '../../packages/lab/src/world/json.ts';
import { missingPrograms } from '../peers/process.ts';
import type { Scratch } from '../scratch.ts';
import type { LoadCommand, LoadFigures } from './load.ts';

/** Ports of this bench. */
const base = 13_000;

/** Longest wait for a proxy to listen, ms. */
const startPatienceMs = 15_000;

/** One reverse proxy in front of the same upstream, one process with one thread. */
interface Contender {
  readonly name: string;
  /** Port at which it keeps its clients' connections. */
  readonly keepAlivePort: number;
  /** Port at which it closes a client's connection after each answer, like a door that forwards. */
  readonly closePort: number;
}

const programs = { nginx: '/usr/sbin/nginx', HAProxy: '/usr/sbin/haproxy' } as const;

/**
 * Starts upstream, load generator, and every installed proxy; `say` reports the proxies that are
 * missing.
 */
export async function startGround(scratch: Scratch, say: (line: string) => void) {
  const { dir } = scratch;
  const upstreamPort = base;
  await scratch.child(join(import.meta.dirname, 'upstream.ts'), String(upstreamPort));
  const load = await scratch.child(join(import.meta.dirname, 'load.ts'));
  const ours = { name: 'throwover edge', keepAlivePort: base + 1, closePort: base + 2 };
  await startOurs(scratch, ours, upstreamPort);
  const contenders: Contender[] = [
    { name: 'no proxy', keepAlivePort: upstreamPort, closePort: upstreamPort },
    ours,
  ];
  const missing = await missingPrograms(Object.values(programs));
  if (!missing.includes(programs.nginx)) {
    const nginx = { name: 'nginx', keepAlivePort: base + 3, closePort: base + 4 };
    await writeFile(join(dir, 'nginx.conf'), nginxConfig(dir, nginx, upstreamPort));
    const args = ['-p', dir, '-c', join(dir, 'nginx.conf'), '-e', join(dir, 'nginx-error.log')];
    await scratch.daemon('nginx', programs.nginx, args);
    contenders.push(nginx);
  }
  if (!missing.includes(programs.HAProxy)) {
    const haproxy = { name: 'HAProxy', keepAlivePort: base + 5, closePort: base + 6 };
    await writeFile(join(dir, 'haproxy.cfg'), haproxyConfig(haproxy, upstreamPort));
    await scratch.daemon('haproxy', programs.HAProxy, ['-db', '-f', join(dir, 'haproxy.cfg')]);
    contenders.push(haproxy);
  }
  if (missing.length > 0)
    say(`not installed: ${missing.join(', ')}; apt-get install nginx haproxy`);
  const ports = contenders.flatMap(({ keepAlivePort, closePort }) => [keepAlivePort, closePort]);
  await Promise.all(ports.map(listening));
  return { contenders, load: (command: LoadCommand) => load.ask<LoadFigures>(command) };
}

/** Starts two doors with the same upstream: one serves, the other forwards. */
async function startOurs(
  { dir, throwover }: Scratch,
  ours: Contender,
  upstreamPort: number,
): Promise<void> {
  const upstream = `http://127.0.0.1:${upstreamPort}`;
  const forward = { mode: 'forward', epoch: 2, region: 'west', url: upstream };
  const state = { mode: forward, epoch: 2, token: 1, sinceWallMs: 0 };
  await writeFile(join(dir, 'forward.json'), JSON.stringify(state));
  for (const [name, port, adminPort] of [
    ['serve', ours.keepAlivePort, base + 11],
    ['forward', ours.closePort, base + 12],
  ] as const) {
    const config = join(dir, `edge-${name}.json`);
    const stateFile = join(dir, `${name}.json`);
    const door = { region: 'east', port, adminPort, upstream, stateFile };
    await writeFile(config, JSON.stringify(door));
    await throwover(`edge-${name}`, ['edge', '--config', config]);
  }
}

const nginxConfig = (dir: string, { keepAlivePort, closePort }: Contender, upstream: number) => `
worker_processes 1;
daemon off;
pid ${dir}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${dir}/nginx-body;
  proxy_temp_path ${dir}/nginx-proxy;
  fastcgi_temp_path ${dir}/nginx-fastcgi;
  uwsgi_temp_path ${dir}/nginx-uwsgi;
  scgi_temp_path ${dir}/nginx-scgi;
  keepalive_requests 1000000;
  upstream application { server 127.0.0.1:${upstream}; keepalive 64; keepalive_requests 1000000; }
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  server { listen 127.0.0.1:${keepAlivePort} backlog=1024; location / { proxy_pass http://application; } }
  server {
    listen 127.0.0.1:${closePort} backlog=1024;
    keepalive_timeout 0;
    location / { proxy_pass http://application; }
  }
}
`;

const haproxyConfig = ({ keepAlivePort, closePort }: Contender, upstream: number) => `
global
  nbthread 1
  maxconn 1024
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  option forwardfor
  http-reuse always
frontend kept
  bind 127.0.0.1:${keepAlivePort}
  default_backend application
frontend closed
  bind 127.0.0.1:${closePort}
  http-after-response set-header Connection close
  option httpclose
  default_backend application
backend application
  server one 127.0.0.1:${upstream}
`;

async function listening(port: number): Promise<void> {
  const open = async () => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect').finally(() => socket.destroy());
    return true;
  };
  await until(`a proxy listens on port ${port}`, open, { timeoutMs: startPatienceMs });
}
