import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { regionNames } from '../../packages/lab/src/world/map.ts';
import { type Ground, type Side, startOwned, writeOwned } from './ground.ts';
import { type Daemon, runTool } from './process.ts';

/** File name of the client's configuration, below the peer's own directory. */
export const sshClientConfig = 'ssh_config';

export type SshKeys = Awaited<ReturnType<typeof layKeys>>;

/**
 * Creates keys for this pair alone, new for each bench, and the client's configuration to reach
 * both regions over the link.
 */
export async function layKeys(ground: Ground) {
  const dir = join(ground.dir, 'repmgr');
  const make = async (name: string) => {
    const file = join(dir, name);
    await Promise.all([rm(file, { force: true }), rm(`${file}.pub`, { force: true })]);
    await runTool({
      file: '/usr/bin/ssh-keygen',
      args: ['-q', '-t', 'ed25519', '-N', '', '-f', file],
      runAs: ground.binaries.runAs,
    });
    return file;
  };
  const [hostKey, userKey] = [await make('host-key'), await make('user-key')];
  const authorized = join(dir, 'authorized_keys');
  await writeOwned(ground, authorized, await readFile(`${userKey}.pub`, 'utf8'));
  const hosts = regionNames.map((name) => {
    const { host, port } = ground.sides[name].agentFar;
    return `Host ${host}\n  Port ${port}\n`;
  });
  const known = `  IdentityFile ${userKey}\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n`;
  await writeOwned(ground, join(dir, sshClientConfig), `${hosts.join('')}Host *\n${known}`);
  return { hostKey, authorized };
}

/**
 * Starts an sshd of the peer's user, on the region's own address, which accepts only that user's
 * key.
 */
export async function startSshd(ground: Ground, side: Side, keys: SshKeys): Promise<Daemon> {
  const file = join(ground.dir, 'repmgr', `${side.name}-sshd_config`);
  const lines = [
    `ListenAddress ${side.agent.host}:${side.agent.port}`,
    `HostKey ${keys.hostKey}`,
    `AuthorizedKeysFile ${keys.authorized}`,
    'PidFile none',
    'UsePAM no',
    'StrictModes no',
    'PasswordAuthentication no',
    'UseDNS no',
  ];
  await writeOwned(ground, file, `${lines.join('\n')}\n`);
  return startOwned(ground, {
    name: `sshd-${side.name}`,
    file: '/usr/sbin/sshd',
    args: ['-D', '-e', '-f', file],
  });
}
