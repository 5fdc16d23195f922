/**
 * A read sees the writes that its client has made, or says that it does not.
 *
 *   token.ts       (position, transaction id), signed
 *   write.ts       the token of a write: id inside the transaction, position after COMMIT
 *   view.ts        the state of a database with regard to a token, in one statement
 *   decide.ts      is the write here: satisfied, not yet, lost, or undecided; pure
 *   wait.ts        looks until there is a verdict or the deadline
 *   middleware.ts  Express, Fastify, and the plain function below both
 */
export { type Reason, verdicts } from './decide.ts';
export {
  type AnswerHead,
  type CookieOptions,
  type ExpressRequestLike,
  type ExpressResponseLike,
  expressReadYourWrites,
  type FastifyHookLike,
  type FastifyInstanceLike,
  fastifyReadYourWrites,
  type ReadYourWritesOptions,
  type RequestScope,
  requestScope,
} from './middleware.ts';
export {
  laterToken,
  type ReadToken,
  readToken,
  type SigningKeys,
  signToken,
  type Token,
  type TokenRefusal,
} from './token.ts';
export { type NoAnswer, readableFrom, type Waited, type WaitOptions, waitFor } from './wait.ts';
export { tokenAfter, transactionId, type Written, writeWithToken } from './write.ts';
