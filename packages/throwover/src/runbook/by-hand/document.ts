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

/** A run as a document that people can follow with nothing of throwover at hand. */
export interface HandDocument {
  readonly version: 1;
  readonly service: string;
  readonly kind: string;
  readonly from: string;
  readonly to: string;
  /** Epoch in which `from` is active: in another one the document is an old one. */
  readonly epoch: number;
  readonly onCall: readonly string[];
  /** By region: how people get to the machine of its database. */
  readonly machines: Readonly<Record<string, string>>;
  readonly before: readonly HandWork[];
  readonly steps: readonly HandStep[];
  readonly after: readonly HandWork[];
}

/** sha256, in hex, of everything that people are told to do. */
export function documentDigest(document: HandDocument): string {
  return sha256(canonicalJson(document));
}

/** Of one step; 12 hex digits, to say which one has changed. */
export function stepDigest(step: HandStep): string {
  return sha256(canonicalJson(step)).slice(0, 12);
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** What is taken back, and how, when it ends before the promotion: last first. */
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
