const whole = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;

/**
 * Returns the DER of each PEM block with this label. Throws if there is none, or if a block of any
 * label is cut off: a file that is being written must not be taken for a shorter one.
 */
export function pemBlocks(text: string, label: string): readonly Buffer[] {
  const begin = `-----BEGIN ${label}-----`;
  const [, ...parts] = text.split(begin);
  if (parts.length === 0) throw new Error(`it has no ${begin}`);
  const blocks = parts.map((part, index) => {
    const end = part.indexOf(`-----END ${label}-----`);
    const body = part.slice(0, end).replace(/\s/g, '');
    if (end === -1 || body === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(body)) {
      throw new Error(`block ${index + 1} of "${label}" is cut off or is not base64`);
    }
    return Buffer.from(body, 'base64');
  });
  // Also within the first dashes of the next block.
  if (/-----|\n-+$/.test(text.replaceAll(whole, ''))) throw new Error('its last block is cut off');
  return blocks;
}
