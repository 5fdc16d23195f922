import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { type DrillSources, drillErrors } from '../../drills/drills.ts';
import { httpCall } from '../../kernel/http-call.ts';
import type { Clock } from '../../kernel/kernel.ts';
import { runbookErrors } from '../../runbook/runbook.ts';

/** Deadline of one call, ms: calendars come from other services. */
const deadlineMs = 5_000;

/** Largest file or answer, bytes: years of a rota, and a printed runbook, are below 1 MB. */
const maxBytes = 8_388_608;

/** Answer of Prometheus's instant query (https://prometheus.io/docs/prometheus/latest/querying/api/). */
const value = z.tuple([z.number(), z.string()]);
const answerSchema = z.object({
  status: z.literal('success'),
  data: z.discriminatedUnion('resultType', [
    z.object({ resultType: z.literal('vector'), result: z.array(z.object({ value })) }),
    z.object({ resultType: z.literal('scalar'), result: value }),
  ]),
});

/** Calendars from files and over HTTP, alarms from Prometheus, printed runbooks from files. */
export function drillSources(directory: string, clock: Clock): DrillSources {
  return {
    calendar: async (source) => {
      try {
        if (/^https?:/.test(source)) return await got(new URL(source), clock);
        return await textOf(resolve(directory, source));
      } catch (error) {
        // The secret address of a feed must not be printed in a terminal.
        const name = source.replace(/\?.*$/, '');
        throw drillErrors.make('calendar-away', `${name}: ${said(error)}`, { name }, error);
      }
    },
    series: async (prometheus, query) => {
      try {
        const url = new URL('api/v1/query', prometheus.replace(/\/?$/, '/'));
        url.searchParams.set('query', query);
        const { data } = answerSchema.parse(JSON.parse(await got(url, clock)));
        const values =
          data.resultType === 'scalar' ? [data.result] : data.result.map((e) => e.value);
        return values.map(([, text]) => Number(text));
      } catch (error) {
        const message = `${prometheus}: ${query}: ${said(error)}`;
        throw drillErrors.make('alarm-away', message, { prometheus, query }, error);
      }
    },
    printed: async (file) => {
      try {
        return await textOf(resolve(directory, file));
      } catch (error) {
        const message = `cannot read ${file}: ${said(error)}`;
        throw runbookErrors.make('runbook-not-printed', message, { file }, error);
      }
    },
  };
}

async function textOf(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > maxBytes) throw new RangeError(`larger than ${maxBytes} bytes`);
  return readFile(path, 'utf8');
}

async function got(url: URL, clock: Clock): Promise<string> {
  const { status, text } = await httpCall({ url, deadlineMs, maxBytes, clock });
  if (status !== 200) throw new Error(`answered ${status}`);
  return text;
}

function said(error: unknown): string {
  if (error instanceof z.ZodError) return 'answered something else than values';
  return error instanceof Error ? error.message : String(error);
}
