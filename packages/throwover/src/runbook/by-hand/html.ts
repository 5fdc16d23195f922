import { html, raw } from 'hono/html';
import type { Block } from './page.ts';
import { markOf } from './printed.ts';

/**
 * Returns one page without external resources, made for paper: black on white, no box split over
 * two pages.
 */
export async function htmlOf(
  title: string,
  blocks: readonly Block[],
  digestOf: (step: string) => string,
): Promise<string> {
  const page = await html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title><style>${raw(style)}</style></head><body>
${blocks.map((block) => one(block, digestOf))}
</body></html>
`;
  return String(page);
}

const style = `body{font:11pt/1.4 system-ui,sans-serif;max-width:19cm;margin:1cm auto;color:#000;background:#fff}
h1{font-size:18pt}h2{font-size:14pt;border-bottom:1pt solid #000}h3{font-size:12pt}
figure{margin:.6em 0;break-inside:avoid}figcaption{font-style:italic}
pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1pt solid #555;padding:.5em;margin:.2em 0;font:9pt/1.35 ui-monospace,monospace}
h2,h3{break-after:avoid}@page{margin:1.5cm}`;

function one(block: Block, digestOf: (step: string) => string) {
  switch (block.kind) {
    case 'title':
      return html`<h1>${block.text}</h1>
`;
    case 'part':
      return html`<h2>${block.text}</h2>
`;
    case 'step':
      return html`<h3>☐ ${block.text}</h3>
`;
    case 'paragraph':
      return html`<p>${inline(block.text)}</p>
`;
    case 'list':
      return html`<ul>${block.items.map((item) => html`<li>${inline(item)}</li>`)}</ul>
`;
    case 'mark':
      return raw(`${markOf(block.step, digestOf(block.step))}\n`);
    case 'work':
      return html`<figure><figcaption>${block.where}. ${block.work.says}:</figcaption><pre>${block.work.lines.join('\n')}</pre></figure>
`;
  }
}

/** Renders text between backticks as code; the rest is text. */
function inline(text: string) {
  return text
    .split('`')
    .map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : html`${part}`));
}
