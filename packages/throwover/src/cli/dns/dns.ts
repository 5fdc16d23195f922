import { getServers } from 'node:dns';
import { hostname } from 'node:os';
import { createLogUpdate } from 'log-update';
import { evidenceOf } from '../../compose/compose.ts';
import { parseDuration, type TimeScale, unscaled } from '../../kernel/kernel.ts';
import type { EvidenceLog } from '../../records/records.ts';
import type { Service } from '../../service/service.ts';
import {
  type ResolverReport,
  type SurveyPlan,
  sampleOf,
  surveyResolvers,
  ttlsOf,
} from '../../traffic/survey/survey.ts';
import { surveyErrors } from '../../traffic/traffic.ts';
import type { CommandContext } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import type { Output, Terminal } from '../terminal.ts';
import { surveyLines } from './dns-view.ts';

/** Defaults of a survey where throwover.yaml sets nothing, life ms. */
const defaultTtlsMs = [5_000, 60_000];
const defaultLongestMs = 3_600_000;

interface Given {
  readonly resolver: readonly string[];
  readonly zone?: string | undefined;
  readonly ttl: readonly number[];
  readonly longest?: number | undefined;
  readonly vantage?: string | undefined;
}

export interface ProbeGiven extends Given {
  readonly serve?: string | undefined;
  readonly service?: string | undefined;
}

/**
 * `throwover dns survey`: measures how long the service's resolvers keep answers, shows the
 * progress, and stores the result for the forecast.
 */
export async function dnsSurveyCommand(
  { terminal, output, session }: CommandContext,
  given: Given,
): Promise<ExitCode> {
  const { service } = session.loaded;
  return survey(terminal, output, {
    plan: surveyPlanOf(service, given),
    vantage: given.vantage ?? hostname(),
    evidence: session.parts.evidence,
  });
}

/**
 * `throwover dns probe`: surveys this machine's own resolvers, anywhere, without a throwover.yaml.
 */
export async function dnsProbeCommand(
  terminal: Terminal,
  output: Output,
  given: ProbeGiven,
): Promise<ExitCode> {
  if (given.zone === undefined) throw noZone();
  const { serve: url, service } = given;
  return survey(terminal, output, {
    plan: {
      zone: given.zone,
      resolvers: resolversOf(given.resolver.length > 0 ? given.resolver : ['system']),
      ttlsSeconds: ttlsOf(given.ttl.length > 0 ? given.ttl : defaultTtlsMs),
      longestHoldMs: given.longest ?? defaultLongestMs,
      timeScale: unscaled,
      ownTtlSeconds: null,
    },
    vantage: given.vantage ?? hostname(),
    evidence:
      url === undefined || service === undefined
        ? null
        : evidenceOf({ url, service, clock: terminal.clock }),
  });
}

/**
 * Returns the plan of a service's survey, in local time (scaled). Errors: `survey-no-zone`,
 * `survey-no-resolver`.
 */
export function surveyPlanOf(
  service: Service,
  given: Given = { resolver: [], ttl: [] },
): SurveyPlan {
  const { canary, survey: declared, timeScale, traffic } = service;
  const zone = given.zone ?? declared?.zone ?? canary?.zone;
  if (zone === undefined) throw noZone();
  const named = given.resolver.length > 0 ? given.resolver : (declared?.resolvers ?? ['system']);
  const lifeMs = given.ttl.length > 0 ? given.ttl : (declared?.ttlsMs ?? defaultTtlsMs);
  return {
    zone,
    resolvers: resolversOf(named),
    ttlsSeconds: ttlsOf([...lifeMs, traffic.ttlMs].map((ms) => timeScale.real(ms))),
    longestHoldMs: timeScale.real(given.longest ?? declared?.longestMs ?? defaultLongestMs),
    timeScale,
    ownTtlSeconds: timeScale.real(traffic.ttlMs) / 1_000,
  };
}

/**
 * Replaces `system` with the resolver addresses of this machine, and adds the port where it is
 * missing.
 */
function resolversOf(named: readonly string[]): readonly string[] {
  const addresses = named.flatMap((one) => (one === 'system' ? getServers() : [one]));
  const withPort = addresses.map((address) => {
    if (/^\[.*\]:\d+$/.test(address) || /^[0-9.]+:\d+$/.test(address)) return address;
    const bare = address.replace(/^\[|\]$/g, '');
    return bare.includes(':') ? `[${bare}]:53` : `${bare}:53`;
  });
  if (withPort.length === 0) {
    throw surveyErrors.make('survey-no-resolver', 'no resolver is known here');
  }
  return [...new Set(withPort)];
}

async function survey(
  terminal: Terminal,
  output: Output,
  asked: {
    plan: SurveyPlan;
    vantage: string;
    /** Where the samples are stored; `null`: nowhere. */
    evidence: EvidenceLog | null;
  },
): Promise<ExitCode> {
  const { clock, random } = terminal;
  const { plan, vantage, evidence } = asked;
  const stop = new AbortController();
  // Ctrl-C ends the survey; the results so far are stored and shown.
  const listening = terminal.onSignal(() => stop.abort());
  const view = liveView(terminal, output, plan.timeScale);
  try {
    const reports = await surveyResolvers({
      plan,
      clock,
      random,
      signal: stop.signal,
      onChange: view.show,
    });
    view.end();
    const known = reports.filter(({ findings }) => findings.kept.length > 0);
    const samples = known.map((report) => sampleOf(report, { ...plan, vantage }));
    if (samples.length > 0) await evidence?.add('resolver', samples);
    const lines = surveyLines(reports, { timeScale: plan.timeScale, nowWallMs: clock.wallMs() });
    output.result({ resolvers: reports, samples }, lines.join('\n'));
    if (known.length > 0) return exitCodes.ok;
    const { zone } = plan;
    throw surveyErrors.make('survey-unanswered', `no resolver answered for ${zone}`, { zone });
  } finally {
    view.end();
    listening();
  }
}

/** Updates the table in place on a terminal; elsewhere shows nothing until the end. */
function liveView(terminal: Terminal, output: Output, timeScale: TimeScale) {
  const { isTTY, rows } = terminal.stdout;
  if (output.json || !isTTY || rows === 0) return { show: () => {}, end: () => {} };
  const update = createLogUpdate(terminal.stdout, { showCursor: true });
  return {
    show: (reports: readonly ResolverReport[]) =>
      update(surveyLines(reports, { timeScale, nowWallMs: terminal.clock.wallMs() }).join('\n')),
    // The result shows the final table.
    end: () => update.clear(),
  };
}

function noZone() {
  return surveyErrors.make('survey-no-zone', 'no canary zone is named');
}

/**
 * Returns `--ttl 60s`, `--longest 1h` in ms; `undefined` when it is not a duration from 1 s to 24
 * h.
 */
export function durationGiven(text: string): number | undefined {
  const ms = parseDuration(text);
  return ms === undefined || ms < 1_000 || ms > 86_400_000 ? undefined : ms;
}
