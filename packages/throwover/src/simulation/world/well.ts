import type { World } from './world.ts';

/** Time between two samples, ms: far below the shortest time between two looks of a policy. */
const sampleMs = 100;

/**
 * Notes whenever the active region begins or ends being healthy for everybody (its guard and its
 * database work, and the witness and the standby reach it over a network that loses nothing), and
 * being heard by its standby. The checkers compare this with what a standing policy took for a
 * loss.
 */
export function sampleRegions(world: World): void {
  const { queue, history } = world;
  let last = '';
  const sample = () => {
    const active = world.store.known?.active ?? '';
    const well = isWell(world, active);
    const heard = isHeard(world, active);
    const said = `${active} ${well} ${heard}`;
    if (said !== last) history.note({ type: 'region', region: active, well, heard });
    last = said;
    queue.after(sampleMs, sample);
  };
  sample();
}

/** Whether the standby receives from it. */
function isHeard({ sites }: World, active: string): boolean {
  const source = sites.find(({ name }) => name === active)?.server;
  const standby = sites.find(({ name }) => name !== active)?.server;
  if (source === undefined || standby === undefined) return false;
  return standby.follows(source) && !source.machine.still && !standby.machine.still;
}

function isWell({ sites, network }: World, active: string): boolean {
  const site = sites.find(({ name }) => name === active);
  if (site === undefined) return false;
  const { server, guardProcess } = site;
  const { lose, holdBack } = network.weather;
  const reached = sites
    .flatMap(({ name }) => (name === active ? [] : name))
    .concat('witness')
    .every((place) => network.reaches(place, active));
  return (
    reached &&
    lose === 0 &&
    holdBack === 0 &&
    guardProcess?.alive === true &&
    !guardProcess.still &&
    server.running &&
    server.process?.still === false &&
    server.role === 'primary' &&
    server.failing === 0
  );
}
