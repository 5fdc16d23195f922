import type { Octokit } from '@octokit/core';
import { z } from 'zod';
import {
  type Issue,
  type IssueText,
  type IssueTracker,
  improvementErrors,
} from '../../improvement/improvement.ts';
import { type Clock, isoTime, withDeadline } from '../../kernel/kernel.ts';

/** Deadline of one call, ms. */
const deadlineMs = 10_000;

/** GitHub's largest page. */
const perPage = 100;

/** Most pages: years of tasks. */
const mostPages = 50;

const issueSchema = z.object({
  number: z.int(),
  title: z.string(),
  body: z.string().nullish(),
  state: z.enum(['open', 'closed']),
  assignees: z.array(z.object({ login: z.string() })).nullish(),
  pull_request: z.unknown().optional(),
});

/** Headers and body of a failed call, as @octokit/request-error has them. */
const failureSchema = z.object({
  status: z.number(),
  message: z.string(),
  response: z
    .object({ headers: z.record(z.string(), z.union([z.string(), z.number()]).optional()) })
    .optional(),
});

/**
 * Issues at GitHub, through its own client (REST API 2022-11-28), which is loaded at the first
 * call.
 */
export function githubIssues(options: {
  readonly repository: string;
  /** Read when it is used. */
  readonly token: () => Promise<string>;
  readonly label: string;
  readonly api: string;
  readonly clock: Clock;
}): IssueTracker {
  const { repository, token, label, api, clock } = options;
  const [owner = '', repo = ''] = repository.split('/');
  const at = { owner, repo };
  let loaded: Promise<Octokit> | null = null;
  const client = () => (loaded ??= connect());
  const connect = async () => {
    const auth = await token();
    const { Octokit } = await import('@octokit/core');
    const quiet = () => {};
    return new Octokit({
      auth,
      baseUrl: api.replace(/\/$/, ''),
      userAgent: 'throwover',
      log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    });
  };
  const called = async <T>(
    what: string,
    call: (client: Octokit, common: ReturnType<typeof commonOf>) => Promise<T>,
  ): Promise<T> => {
    const octokit = await client();
    try {
      return await withDeadline(clock, deadlineMs, (signal) => call(octokit, commonOf(signal)));
    } catch (error) {
      throw failed(error, `${repository}: ${what}`, clock);
    }
  };
  const commonOf = (signal: AbortSignal) => ({
    ...at,
    headers: { 'x-github-api-version': '2022-11-28' },
    request: { signal },
  });
  return {
    name: repository,
    list: async () => {
      const found: Issue[] = [];
      for (let page = 1; page <= mostPages; page++) {
        const { data, headers } = await called('its issues', (octokit, common) =>
          octokit.request('GET /repos/{owner}/{repo}/issues', {
            ...common,
            ...{ labels: label, state: 'all', sort: 'created', direction: 'asc' },
            ...{ per_page: perPage, page },
          }),
        );
        found.push(...readIssues(data, repository));
        if (!/rel="next"/.test(headers.link ?? '')) return found;
      }
      return found;
    },
    create: async ({ title, body, assignees }) => {
      const { data } = await called(`to make "${title}"`, (octokit, common) =>
        octokit.request('POST /repos/{owner}/{repo}/issues', {
          ...common,
          ...{ title, body, assignees: [...assignees], labels: [label] },
        }),
      );
      return data.number;
    },
    update: async (issue_number, { state, ...text }: IssueText & Pick<Issue, 'state'>) => {
      await called(`to change #${issue_number}`, (octokit, common) =>
        octokit.request('PATCH /repos/{owner}/{repo}/issues/{issue_number}', {
          ...common,
          ...{ issue_number, title: text.title, body: text.body },
          ...{ assignees: [...text.assignees], state },
          state_reason: state === 'closed' ? 'completed' : 'reopened',
        }),
      );
    },
  };
}

function readIssues(data: unknown, repository: string): readonly Issue[] {
  const read = z.array(issueSchema).safeParse(data);
  if (!read.success) {
    throw improvementErrors.make(
      'tracker-refused',
      `${repository}: its answer is no list of issues`,
    );
  }
  return read.data
    .filter((issue) => issue.pull_request === undefined)
    .map(({ number, title, body, state, assignees }) => ({
      ...{ number, title, body: body ?? '', state },
      assignees: (assignees ?? []).map(({ login }) => login),
    }));
}

/** Rate limits: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api */
function failed(error: unknown, what: string, clock: Clock) {
  const read = failureSchema.safeParse(error);
  // An error without a status had no answer: a network error, or the deadline.
  if (!read.success || read.data.response === undefined) {
    const message = error instanceof Error ? error.message : String(error);
    return improvementErrors.make('tracker-away', `${what}: ${message}`, {}, error);
  }
  const { status, message, response } = read.data;
  const said = `${what}: answered ${status}: ${message}`;
  const { headers } = response;
  const waitS = headers['retry-after'];
  const limited =
    (status === 403 || status === 429) &&
    (waitS !== undefined || Number(headers['x-ratelimit-remaining']) === 0);
  if (limited || status === 429) {
    const untilMs =
      waitS !== undefined
        ? clock.wallMs() + Number(waitS) * 1_000
        : Number(headers['x-ratelimit-reset']) * 1_000;
    const until = Number.isFinite(untilMs) ? isoTime(untilMs) : 'a minute from now';
    return improvementErrors.make(
      'tracker-limited',
      `${said}; again at ${until}`,
      { status },
      error,
    );
  }
  const code = status >= 500 ? 'tracker-away' : 'tracker-refused';
  return improvementErrors.make(code, said, { status }, error);
}
