import { defineErrors } from 'throwover/kernel';

export const labErrors = defineErrors({
  'lab-process-failed': {
    disposition: 'stop',
    notLost: 'The lab holds no data of yours; what it had started was told to stop.',
    remedy:
      'Read the lines above. A taken port: end what holds it, or choose other ports with `--port-base`.',
  },
  'lab-running': {
    disposition: 'wait',
    notLost: 'The lab that is running was not touched.',
    remedy: 'Stop it with `npm run lab -- down`, or start a second one with another `--port-base`.',
  },
  'lab-not-running': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy: 'Start it with `npm run lab -- up`, and give the same `--port-base`.',
  },
  'lab-run-failed': {
    disposition: 'stop',
    notLost: 'The lab holds no data of yours.',
    remedy: 'Read the error above; it says what to do next. Then start again.',
  },
  'lab-disk': {
    disposition: 'stop',
    notLost: 'The lab holds no data of yours.',
    remedy: 'Free some space (the lab needs about 1 GB), or choose another place with `--dir`.',
  },
  'lab-platform': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy:
      'Use Linux or macOS on x64 or arm64, or name the directory of PostgreSQL 14 to 18 binaries with `--pg-bin`.',
  },
  'lab-unknown-fault': {
    disposition: 'stop',
    notLost: 'Nothing was changed.',
    remedy: 'Choose one of: kill, freeze, thaw, cut, restore, back; and the region east or west.',
  },
});
