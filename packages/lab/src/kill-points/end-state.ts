import { urlOf } from 'throwover/kernel';
import { askMachine } from '../world/ask-machine.ts';
import { guardStatus } from '../world/guard-status.ts';
import { askJson } from '../world/json.ts';
import type { Lab } from '../world/lab.ts';
import { type LabMap, otherRegion, type RegionName } from '../world/map.ts';

/** The state after a finished switchover, by name; compared as text. */
type EndState = Readonly<Record<string, string>>;

function expectedEndState(map: LabMap, active: RegionName): EndState {
  const standby = otherRegion(active);
  return {
    'active region': active,
    'database of the active region': 'primary, open, streams to its standby',
    'database of the standby region': 'standby, streaming',
    'DNS answer': map.regions[active].publicHost,
    'door of the active region': 'serve',
    'door of the standby region': `forward to ${active}`,
    gateways: `deliver to ${urlOf(map.regions[active].public.door)}, deliver to ${urlOf(map.regions[active].public.door)}`,
    'warm capacity': 'none',
    'open run': 'none',
    standby,
  };
}

async function endState(lab: Lab, active: RegionName): Promise<EndState> {
  const { map } = lab;
  const standby = otherRegion(active);
  const at = (name: RegionName) => map.regions[name].public;
  const service = await askMachine<{ active: string; openRun: string | null }>(
    map,
    map.store,
    '/v1/store/service',
    { method: 'POST', body: 'checkout' },
  );
  const [primary, follower] = await Promise.all(
    [active, standby].map((name) => guardStatus(map, name)),
  );
  const doors = await Promise.all(
    [active, standby].map((name) =>
      askMachine<{ current: { mode: string; region?: string } }>(
        map,
        at(name).doorAdmin,
        '/v1/door',
      ),
    ),
  );
  const gateways = await Promise.all(
    [active, standby].map((name) =>
      askMachine<{ current: { mode: string; url?: string } }>(
        map,
        at(name).gatewayAdmin,
        '/v1/gateway',
      ),
    ),
  );
  const { provisioned } = await askJson<{ provisioned: readonly unknown[] }>(
    at(active).functions,
    '/__lab/stats',
  );
  const [activeDoor, standbyDoor] = doors.map(({ current }) =>
    current.region === undefined ? current.mode : `${current.mode} to ${current.region}`,
  );
  return {
    'active region': service.active,
    'database of the active region': `${primary?.role}, ${primary?.closed ? 'closed' : 'open'}, ${primary?.standby?.state === 'streaming' ? 'streams to its standby' : 'has no standby'}`,
    'database of the standby region': `${follower?.role}, ${follower?.streaming ? 'streaming' : 'not streaming'}`,
    'DNS answer': (await lab.resolve()).join(),
    'door of the active region': activeDoor ?? 'unknown',
    'door of the standby region': standbyDoor ?? 'unknown',
    gateways: gateways
      .map(({ current }) =>
        current.url === undefined ? current.mode : `${current.mode} to ${current.url}`,
      )
      .join(', '),
    'warm capacity': provisioned.length === 0 ? 'none' : JSON.stringify(provisioned),
    'open run': service.openRun ?? 'none',
    standby,
  };
}

/**
 * Returns how the lab differs from what a finished switch to this region leaves. `switched` false:
 * the run was undone, which leaves the other side's door as it was before (in a first round, serving).
 */
export async function differences(
  lab: Lab,
  active: RegionName,
  { switched }: { readonly switched: boolean },
): Promise<readonly string[]> {
  const seen = await endState(lab, active);
  return Object.entries(expectedEndState(lab.map, active)).flatMap(([name, value]) =>
    seen[name] === value || (!switched && name === 'door of the standby region')
      ? []
      : [`${name} is ${seen[name]}, not ${value}`],
  );
}
