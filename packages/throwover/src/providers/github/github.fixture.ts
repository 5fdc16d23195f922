import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One issue as GitHub's REST API returns it. */
export interface KeptIssue {
  number: number;
  title: string;
  body: string | null;
  state: 'open' | 'closed';
  state_reason: string | null;
  labels: { name: string }[];
  assignees: { login: string }[];
  user: { login: string };
  pull_request?: object;
}

/** An answer that it gives once instead of the normal one. */
export interface Failure {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** It carries the request out, but its answer is lost. */
  readonly late?: boolean;
}

/**
 * The issues of one repository as in GitHub's REST API (2022-11-28): listed by label, state and
 * page with a Link header, created, changed; with a token and prepared failures.
 */
export class FakeGitHub {
  readonly issues: KeptIssue[] = [];
  /** `GET /repos/acme/checkout/issues?...`, in order. */
  readonly calls: string[] = [];
  /** Taken from the front, one per call; `null`: that call succeeds. */
  failures: (Failure | null)[] = [];
  /** Largest page that it returns, even if the request asks for more. */
  largestPage = 100;
  readonly #server: Server;
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(({ status, headers, body }) => {
        response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Adds an issue of another user. */
  byHand(more: Partial<KeptIssue>): KeptIssue {
    const issue: KeptIssue = {
      number: this.issues.length + 1,
      title: 'by hand',
      body: null,
      state: 'open',
      state_reason: null,
      labels: [],
      assignees: [],
      user: { login: 'eve' },
      ...more,
    };
    this.issues.push(issue);
    return issue;
  }

  async #answer(request: IncomingMessage): Promise<Failure> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url: path = '' } = request;
    this.calls.push(`${method} ${decodeURIComponent(path)}`);
    const failure = this.failures.shift();
    const body = chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString());
    if (failure?.late === true) this.#done(request, body);
    return failure ?? this.#done(request, body);
  }

  // biome-ignore lint/suspicious/noExplicitAny: a body as whoever posted it says it is
  #done({ method = '', url: path = '', headers }: IncomingMessage, body: any): Failure {
    if (headers.authorization !== `token ${this.#token}`) {
      return said(401, { message: 'Bad credentials' });
    }
    const url = new URL(path, `http://${headers.host}`);
    const found = /^\/repos\/acme\/checkout\/issues(?:\/(\d+))?$/.exec(url.pathname);
    if (found === null) return said(404, { message: 'Not Found' });
    if (method === 'GET') return this.#list(url);
    if (method === 'POST') return said(201, this.#make(body));
    const issue = this.issues.find(({ number }) => number === Number(found[1]));
    if (method !== 'PATCH' || issue === undefined) return said(404, { message: 'Not Found' });
    const { assignees, ...changed } = body;
    Object.assign(issue, changed);
    if (assignees) issue.assignees = assignees.map((login: string) => ({ login }));
    return said(200, issue);
  }

  #list(url: URL): Failure {
    const ask = (name: string, usual: string) => url.searchParams.get(name) ?? usual;
    const wanted = ask('labels', '').split(',').filter(Boolean);
    const state = ask('state', 'open');
    const newestFirst = ask('direction', 'desc') === 'desc';
    const perPage = Math.min(Number(ask('per_page', '30')), this.largestPage);
    const page = Number(ask('page', '1'));
    const all = this.issues
      .filter((issue) => state === 'all' || issue.state === state)
      .filter(({ labels }) => wanted.every((name) => labels.some((label) => label.name === name)))
      .sort((a, b) => (newestFirst ? b.number - a.number : a.number - b.number));
    const more = page * perPage < all.length;
    url.searchParams.set('page', String(page + 1));
    return said(
      200,
      all.slice((page - 1) * perPage, page * perPage),
      more ? { link: `<${url.href}>; rel="next"` } : {},
    );
  }

  #make(body: { title: string; body: string; labels: string[]; assignees: string[] }): KeptIssue {
    return this.byHand({
      title: body.title,
      body: body.body,
      labels: body.labels.map((name) => ({ name })),
      assignees: body.assignees.map((login) => ({ login })),
      user: { login: 'throwover-bot' },
    });
  }
}

function said(status: number, body: unknown, headers: Record<string, string> = {}): Failure {
  return { status, body: JSON.stringify(body), headers };
}
