const maxLabelBytes = 63;
const maxNameBytes = 255;

/**
 * Returns a name in wire form, in lower case and not compressed: the form that signatures cover, and
 * in which names are compared. Throws `RangeError` for a name that is too long.
 */
export function wireName(name: string): Buffer {
  const labels = name.toLowerCase().replace(/\.$/, '').split('.').filter(Boolean);
  const parts = labels.map((label) => {
    const bytes = Buffer.from(label, 'latin1');
    if (bytes.length > maxLabelBytes) throw new RangeError(`a label of ${bytes.length} bytes`);
    return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  });
  const wire = Buffer.concat([...parts, Buffer.alloc(1)]);
  if (wire.length > maxNameBytes) throw new RangeError(`a name of ${wire.length} bytes`);
  return wire;
}
