/** The directions in which a run can still go, as its journal says. */
export const courses = {
  unapproved: 'no mandate is in the journal, so nothing was done',
  forward: 'it goes forward, and everything it has done can still be taken back',
  'past-no-return':
    'it can only go forward: a step of no return was requested or found done, and was not turned back',
  'held-by-earlier':
    'the same, but an earlier controller requested that step, on outcomes that held for that controller only; the journal does not say whether the step happened',
  back: 'it can only be taken back',
} as const;

export type Course = keyof typeof courses;

/** The causes that change the course of a run. */
export const turnings = {
  mandate: 'a person approves the plan',
  replanned: 'a person approves another plan for the run',
  'no-return-requested': 'a step of no return has an intent',
  'no-return-done': 'a step of no return has an outcome',
  'turned-back':
    'every step of no return that was requested certainly did not happen, and cannot any more',
  'step-failed': 'a step fails',
  'abort-requested': 'a person asks to take the run back',
  undo: 'a step is taken back',
  'taken-over': 'another controller takes the run, and no step of no return has an outcome',
  'seen-pending': 'that controller observes that the step of no return has not happened',
} as const;

export type Turning = keyof typeof turnings;

/** Every change of a run's course. A turning that has no row for a course changes nothing. */
export const courseRows: readonly {
  readonly from: Course;
  readonly on: Turning;
  readonly to: Course;
}[] = [
  { from: 'unapproved', on: 'mandate', to: 'forward' },
  { from: 'unapproved', on: 'replanned', to: 'forward' },
  { from: 'forward', on: 'no-return-requested', to: 'past-no-return' },
  { from: 'forward', on: 'no-return-done', to: 'past-no-return' },
  { from: 'forward', on: 'step-failed', to: 'back' },
  { from: 'forward', on: 'abort-requested', to: 'back' },
  { from: 'forward', on: 'undo', to: 'back' },
  { from: 'past-no-return', on: 'turned-back', to: 'back' },
  { from: 'past-no-return', on: 'taken-over', to: 'held-by-earlier' },
  { from: 'held-by-earlier', on: 'no-return-done', to: 'past-no-return' },
  { from: 'held-by-earlier', on: 'seen-pending', to: 'past-no-return' },
  { from: 'held-by-earlier', on: 'turned-back', to: 'back' },
  { from: 'back', on: 'replanned', to: 'forward' },
];

export function courseAfter(course: Course, turning: Turning): Course {
  return courseRows.find(({ from, on }) => from === course && on === turning)?.to ?? course;
}
