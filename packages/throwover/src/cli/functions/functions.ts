import { answer } from '../command.ts';
import { toRegion } from '../options.ts';
import { functionsReport } from './functions-report.ts';
import { functionsText } from './functions-view.ts';

/**
 * How much the active region uses, how many instances the other region must have warm and may have,
 * and the cost and results of each strategy. Changes nothing. Error: `functions-prices-old`.
 */
export const functions = answer({
  name: 'functions',
  says: 'Show how many function instances need warming before a switch, and the cost of each way',
  takes: () => [toRegion('Region that would become active')],
  look: (session, { to }: { to?: string }) => functionsReport(session, to ?? null),
  text: functionsText,
});
