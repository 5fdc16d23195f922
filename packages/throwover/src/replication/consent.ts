/** The overrides that a person approved by name together with the plan, from the mandate. */
export interface Consent {
  readonly by: string;
  readonly overrides: readonly string[];
}

/** The consent with which a plan is made, before anyone has approved it. */
export const noConsent: Consent = { by: 'nobody', overrides: [] };
