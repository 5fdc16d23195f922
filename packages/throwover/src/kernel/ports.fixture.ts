import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that the system gives out by itself, so that no connection of another test takes one meanwhile. */
const first = 14_100;
const count = 200;

/** Ports of 127.0.0.1 that are free over UDP and TCP, for servers that cannot choose one themselves. */
export async function freePorts(wanted: number): Promise<readonly number[]> {
  const found: number[] = [];
  // Processes that look at the same time begin at different places.
  const start = (process.pid * 31) % count;
  for (let step = 0; step < count && found.length < wanted; step += 1) {
    const port = first + ((start + step) % count);
    if (await isFree(port)) found.push(port);
  }
  if (found.length < wanted) throw new Error(`fewer than ${wanted} free ports from ${first} on`);
  return found;
}

async function isFree(port: number): Promise<boolean> {
  const udp = createSocket('udp4');
  const tcp = createServer();
  try {
    udp.bind(port, '127.0.0.1');
    await once(udp, 'listening');
    tcp.listen(port, '127.0.0.1');
    await once(tcp, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    udp.close();
    if (tcp.listening) await once(tcp.close(), 'close');
  }
}
