import { doorConformance } from '../traffic/conformance-door.ts';
import { World } from './runs.fixture.ts';

doorConformance(
  'the door of the tests of runs',
  async () => {
    const { clock, doors, east } = new World();
    return {
      door: doors.east,
      advance: (ms) => clock.advance(ms),
      restart: async () => {},
      lose: async () => {
        east.away = true;
      },
      end: async () => {},
    };
  },
  { 'a restart ends a hold, and keeps its epoch and token (A5)': 'it has no process to restart' },
);
