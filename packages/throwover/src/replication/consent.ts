/** What a person approved beyond the plan itself: by name, from the mandate. */
export interface Consent {
  readonly by: string;
  readonly overrides: readonly string[];
}

/** Before anybody approved: a plan is made with it. */
export const noConsent: Consent = { by: 'nobody', overrides: [] };
