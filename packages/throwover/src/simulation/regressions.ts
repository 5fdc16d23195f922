import type { ScenarioOptions } from './scenario.ts';

/** A seed that found something once. The test runs every one of them. */
export interface Regression {
  readonly seed: number;
  readonly options: ScenarioOptions;
  /** What it found, in the words of the field. */
  readonly why: string;
}

export const regressions: readonly Regression[] = [
  {
    seed: 1148,
    options: {},
    why: 'promoted by hand, adopted, crashed before the store had heard: nobody vouched for it',
  },
  {
    seed: 423,
    options: { family: 'planned' },
    why: 'a late copy of the stop took down what was attached since, for good',
  },
  {
    seed: 236,
    options: { family: 'planned' },
    why: 'attached though its guard was told that it failed: it counted as stopped, and stayed down after a crash',
  },
];
