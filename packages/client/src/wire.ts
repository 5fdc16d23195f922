/** The HTTP headers that throwover and an application exchange. Names are lower case, as Node gives them. */
export const headers = {
  /** Region that answered the request. */
  region: 'throwover-region',
  /** Epoch in which the answer was given. */
  epoch: 'throwover-epoch',
  /**
   * `region@epoch` of the door that forwarded a straggler. A door that finds its own name refuses
   * (loop guard).
   */
  forwarded: 'throwover-forwarded',
  /**
   * How long the region that answered a forwarded request took to send the head of its answer, ms.
   */
  duration: 'throwover-duration',
  /** `cold`: the function instance was started for this answer; `warm`: it was already running. */
  start: 'throwover-start',
  /** Position of the write that was acknowledged: an upper bound (see position.ts). */
  position: 'throwover-position',
  /** Signed token of the last write that its client saw; a read waits for it (read-your-writes). */
  token: 'throwover-token',
  /** Id of a webhook event, by which an application deduplicates. */
  eventId: 'throwover-event-id',
  /** Source of a webhook event as named in throwover.yaml, for example `stripe`. */
  eventSource: 'throwover-event-source',
  /** `1` for the first delivery of an event, and so on. */
  attempt: 'throwover-attempt',
  /** `1`: this event was delivered before, and its effect may have been lost with a region. */
  redelivery: 'throwover-redelivery',
} as const;
