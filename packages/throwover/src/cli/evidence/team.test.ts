import { evidenceLogConformance } from '../../records/conformance.ts';
import { Team } from './team.fixture.ts';

evidenceLogConformance(
  'the samples of a team in memory',
  async () => {
    const hire = () => Team.of(['ana@example.com']);
    let team = await hire();
    return {
      get log() {
        return team.session.parts.evidence;
      },
      other: () => team.session.parts.evidence,
      nowWallMs: team.nowMs(),
      restart: async () => {
        team = await hire();
      },
      lose: async () => {},
      end: async () => {},
    };
  },
  {
    'samples outlive the process that keeps them': 'they are in memory',
    'each service has its own samples': 'a team has one service',
    'a log that is gone is away, for reading and for adding': 'it is an object of its caller',
  },
);
