import { evidenceLogConformance } from '../../records/conformance.ts';
import { doorCountsConformance } from '../../traffic/conformance-counts.ts';
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

const noRequests = 'no request reaches it';
doorCountsConformance(
  'those of a team in memory',
  async () => {
    const team = await Team.of(['ana@example.com']);
    const [counts] = team.session.parts.doorCounts;
    if (counts === undefined) throw new Error('no door');
    return {
      counts,
      request: async () => {},
      beacon: async () => {},
      wallMs: () => team.nowMs(),
      lose: async () => {},
      end: async () => {},
    };
  },
  {
    'the present epoch has a report, and a later one has none': noRequests,
    'a request counts in the epoch in which it was served': noRequests,
    'a connection that is younger than asked is not old': noRequests,
    'a beacon is listed from its time on, once': noRequests,
    'latency comes in pieces over the whole span, and nothing was measured without a request':
      'it answers the same figures to each question, in one piece',
    'latency counts each request of the region’s own application':
      'it answers the same figures to each question, in one piece',
    'a door that is gone is unreachable, for every count': 'it is an object of its caller',
  },
);
