import { expect, test } from 'vitest';
import { busyShare, ticksIn } from './busy.ts';

// user nice system idle iowait irq softirq steal guest guest_nice
const stat = (busy: number, idle: number) =>
  `cpu  ${busy} 0 10 ${idle} 5 0 1 2 90 0\ncpu0 1 0 1 1 0 0 0 0 0 0\nintr 12\n`;

test('waiting for a disk is idle, what the hypervisor took is busy, and guests count once', () => {
  expect(ticksIn(stat(100, 200))).toEqual({ busy: 113, all: 318 });
});

test('the share is of the time between two looks', () => {
  expect(busyShare(ticksIn(stat(100, 200)), ticksIn(stat(130, 270)))).toBe(0.3);
  expect(busyShare(ticksIn(stat(100, 200)), ticksIn(stat(100, 200)))).toBeNull();
});
