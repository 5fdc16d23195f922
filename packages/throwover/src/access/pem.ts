/**
 * Returns the DER of each PEM block with this label. Throws if there is none, or if a block is cut
 * off: a file that is being written must not be taken for a shorter one.
 */
export function pemBlocks(text: string, label: string): readonly Buffer[] {
  const begin = `-----BEGIN ${label}-----`;
  const [, ...parts] = text.split(begin);
  if (parts.length === 0) throw new Error(`it has no ${begin}`);
  return parts.map((part, index) => {
    const end = part.indexOf(`-----END ${label}-----`);
    const body = part.slice(0, end).replace(/\s/g, '');
    if (end === -1 || body === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(body)) {
      throw new Error(`block ${index + 1} of "${label}" is cut off or is not base64`);
    }
    return Buffer.from(body, 'base64');
  });
}
