import { z } from 'zod';
import { httpUrl, secret, text } from './fields.ts';

const repository = z
  .string({ error: 'a repository such as acme/checkout' })
  .regex(/^[\w.-]+\/[\w.-]+$/, { error: 'a repository such as acme/checkout' });

export const weekSchema = z
  .strictObject({
    github: z
      .strictObject({
        repository: repository.describe('Where each task of a week is an issue'),
        token: secret.describe('May read and write issues: env:NAME or file:PATH, never itself'),
        label: text('a label')
          .regex(/^[^,]{1,50}$/, { error: 'a label of at most 50 characters, without a comma' })
          .default('throwover-week')
          .describe('By which issues that `throwover week --send` made are found again'),
        api: httpUrl
          .default('https://api.github.com')
          .describe("GitHub's API; of GitHub Enterprise https://HOST/api/v3"),
        logins: z
          .record(text('a person of onCall'), text('a login at GitHub'))
          .default({})
          .describe('Who is assigned, by the person of onCall'),
      })
      .optional(),
  })
  .prefault({})
  .describe('Where `throwover week --send` brings the tasks of a week');
