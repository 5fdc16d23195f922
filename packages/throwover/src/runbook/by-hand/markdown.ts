import type { Block } from './page.ts';
import { markOf } from './printed.ts';

/**
 * Returns the document as Markdown, for a wiki, a repository or a terminal. The first line of a box
 * tells where to type it: `sh on=east step=fence`.
 */
export function markdownOf(blocks: readonly Block[], digestOf: (step: string) => string): string {
  return `${blocks.map((block) => one(block, digestOf)).join('\n\n')}\n`;
}

function one(block: Block, digestOf: (step: string) => string): string {
  switch (block.kind) {
    case 'title':
      return `# ${block.text}`;
    case 'part':
      return `## ${block.text}`;
    case 'step':
      return `### ${block.text}`;
    case 'paragraph':
      return block.text;
    case 'list':
      return block.items.map((item) => `- ${item}`).join('\n');
    case 'mark':
      return markOf(block.step, digestOf(block.step));
    case 'work': {
      const { work, where, of } = block;
      const words = [
        'sh',
        `part=${of.part}`,
        ...(of.step === undefined ? [] : [`step=${of.step}`]),
        ...(work.on === null ? [] : [`on=${work.on}`]),
        ...(work.shows === undefined ? [] : [`shows=${work.shows}`]),
        ...(work.asks === undefined ? [] : [`asks=${work.asks}`]),
      ];
      return `${where}. ${work.says}:\n\n\`\`\`${words.join(' ')}\n${work.lines.join('\n')}\n\`\`\``;
    }
  }
}
