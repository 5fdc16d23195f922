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
  {
    seed: 34824,
    options: {},
    why: 'a late copy of the stop, while the database did not answer, took down what was attached since',
  },
  {
    seed: 50065,
    options: {},
    why: 'attached though its guard was told that it failed, and crashed before the next look: it stayed down',
  },
  {
    seed: 75914,
    options: {},
    why: 'the loss of a failover was judged before the promises of the new side had ended: the old one wrote on, no longer in sync',
  },
  {
    seed: 98558,
    options: {},
    why: 'a promotion that was carried to its end opened what a later fence had closed',
  },
];
