import { createHash } from 'node:crypto';
import { canonicalJson } from '../../kernel/kernel.ts';
import type { ByHand, HandWork } from './work.ts';

/** One step as people follow it. */
export interface HandStep {
  readonly name: string;
  readonly title: string;
  readonly noReturn: boolean;
  readonly byHand: ByHand;
}

/** A run as manual instructions, for use when throwover is not available. */
export interface HandDocument {
  readonly version: 1;
  readonly service: string;
  readonly kind: string;
  readonly from: string;
  readonly to: string;
  /** Epoch in which `from` is active: in another epoch the document is out of date. */
  readonly epoch: number;
  readonly onCall: readonly string[];
  /** How people reach the machine of each region's database. */
  readonly machines: Readonly<Record<string, string>>;
  readonly before: readonly HandWork[];
  readonly steps: readonly HandStep[];
  readonly after: readonly HandWork[];
}

/** Returns the sha256, in hex, of all instructions in the document. */
export function documentDigest(document: HandDocument): string {
  return sha256(canonicalJson(document));
}

/**
 * Returns the first 12 hex digits of one step's sha256, which tell whether that step has changed.
 */
export function stepDigest(step: HandStep): string {
  return sha256(canonicalJson(step)).slice(0, 12);
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * Returns the work that takes the steps back if the run ends before the promotion, last step first.
 */
export function wayBack(
  steps: readonly HandStep[],
): readonly { readonly step: string; readonly work: readonly HandWork[] }[] {
  const turn = steps.findIndex(({ noReturn }) => noReturn);
  return steps
    .slice(0, turn < 0 ? steps.length : turn)
    .flatMap(({ name, byHand }) =>
      'none' in byHand || 'none' in byHand.back ? [] : [{ step: name, work: byHand.back }],
    )
    .reverse();
}
