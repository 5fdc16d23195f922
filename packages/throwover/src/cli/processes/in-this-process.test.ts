import { systemClock } from '../../kernel/kernel.ts';
import { evidenceLogConformance, recordLogConformance } from '../../records/conformance.ts';
import { World } from '../../runs/runs.fixture.ts';
import { serveForTests } from '../../server/logs.fixture.ts';
import { worldSession } from '../world-session.fixture.ts';
import { inThisProcess } from './in-this-process.ts';

async function open() {
  const serve = await serveForTests();
  const partsOf = (name: string) => {
    const session = worldSession(new World());
    session.loaded.service.name = name;
    return inThisProcess(session, serve.server, systemClock).parts;
  };
  return { ...serve, partsOf, nowWallMs: systemClock.wallMs() };
}

const inside = 'it is in the process that asks';

recordLogConformance(
  '`throwover serve`, in its own process,',
  async () => {
    const { partsOf, ...rest } = await open();
    return {
      ...rest,
      get log() {
        return partsOf('checkout').records;
      },
      other: (service) => partsOf(service).records,
    };
  },
  { 'a log that is gone is away, for reading and for appending': inside },
);

evidenceLogConformance(
  '`throwover serve`, in its own process,',
  async () => {
    const { partsOf, ...rest } = await open();
    return {
      ...rest,
      get log() {
        return partsOf('checkout').evidence;
      },
      other: (service) => partsOf(service).evidence,
    };
  },
  { 'a log that is gone is away, for reading and for adding': inside },
);
