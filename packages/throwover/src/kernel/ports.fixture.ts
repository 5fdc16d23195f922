import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that the system gives out by itself, so that no connection of another test takes one
 * between this look and the server's own.
 */
const first = 14_100;
const count = 4_000;

/** Processes that look at the same time begin at different places; one never gets the same port twice in a row. */
let next = (process.pid * 31) % count;

/** Ports of `host` that are free over UDP and TCP, for servers that cannot choose one themselves. */
export async function freePorts(wanted: number, host = '127.0.0.1'): Promise<readonly number[]> {
  const found: number[] = [];
  for (let looks = 0; looks < count && found.length < wanted; looks += 1) {
    const port = first + next;
    next = (next + 1) % count;
    if (await isFree(port, host)) found.push(port);
  }
  if (found.length < wanted) throw new Error(`fewer than ${wanted} free ports from ${first} on`);
  return found;
}

/** One of them. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const [port = 0] = await freePorts(1, host);
  return port;
}

async function isFree(port: number, host: string): Promise<boolean> {
  const udp = createSocket('udp4');
  const tcp = createServer();
  try {
    udp.bind(port, host);
    await once(udp, 'listening');
    tcp.listen(port, host);
    await once(tcp, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    udp.close();
    if (tcp.listening) await once(tcp.close(), 'close');
  }
}
