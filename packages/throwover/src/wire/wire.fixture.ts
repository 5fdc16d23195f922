import { Validator } from '@seriousme/openapi-schema-validator';
import { expect } from 'vitest';

/**
 * Asks a running process for its OpenAPI document, has it checked by a validator that is not ours,
 * and calls every route in it with nothing: each is there, and none is done.
 */
export async function expectEveryCall(url: string): Promise<void> {
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { requestBody?: object; parameters: readonly object[] }>>;
  };
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  expect(operations.length).toBeGreaterThan(0);
  for (const { path, method, operation } of operations) {
    const asked = `${url}${path.replaceAll(/\{\w+\}/g, 'x')}`;
    const { status } = await fetch(asked, { method });
    if (operation.requestBody === undefined) expect([path, status]).not.toEqual([path, 404]);
    else expect([path, status]).toEqual([path, 400]);
  }
}
