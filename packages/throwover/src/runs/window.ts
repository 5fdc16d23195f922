import { isPosition } from '@throwover/client';
import type { LossWindow } from '../webhooks/webhooks.ts';

/** Whether the value is a loss window as `redeliver-webhooks` journals it. */
export function isWindow(value: unknown): value is Omit<LossWindow, 'key'> {
  if (typeof value !== 'object' || value === null) return false;
  const { epoch, fromWallMs, beyond } = value as Record<string, unknown>;
  return (
    typeof epoch === 'number' &&
    (fromWallMs === null || typeof fromWallMs === 'number') &&
    (beyond === null || isPosition(beyond))
  );
}
