/**
 * A point in the database's history: (timeline, log position), sortable as a string.
 *
 * `00000002/0000000003A1B2C8`: timeline in 8 hex digits, PostgreSQL LSN in 16. Positions of one
 * timeline compare as strings. Across timelines a string comparison orders by timeline first, which
 * says nothing about whether a write survived: that needs the switch point.
 */
export type Position = string & { readonly __brand: 'Position' };

const hex = (value: bigint, digits: number) =>
  value.toString(16).toUpperCase().padStart(digits, '0');

/** Builds a position from a timeline number and PostgreSQL's own form of an LSN, `16/B374D848`. */
export function positionOf(timeline: number, lsn: string): Position {
  return `${hex(BigInt(timeline), 8)}/${hex(lsnToNumber(lsn), 16)}` as Position;
}

export function timelineOf(position: Position): number {
  return Number.parseInt(position.slice(0, 8), 16);
}

/** The log position in bytes. */
export function bytesOf(position: Position): bigint {
  return BigInt(`0x${position.slice(9)}`);
}

/** PostgreSQL's own form of the log position: `16/B374D848`. */
export function lsnOf(position: Position): string {
  const bytes = bytesOf(position);
  return `${(bytes >> 32n).toString(16).toUpperCase()}/${(bytes & 0xffffffffn).toString(16).toUpperCase()}`;
}

export function isPosition(value: unknown): value is Position {
  return typeof value === 'string' && /^[0-9A-F]{8}\/[0-9A-F]{16}$/.test(value);
}

function lsnToNumber(lsn: string): bigint {
  const [high, low] = lsn.split('/');
  if (!high || !low) throw new RangeError(`not a PostgreSQL LSN: ${lsn}`);
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}
