/**
 * An audit in other formats: text for people (80 columns), JSON, SARIF 2.1.0 for code scanning,
 * JUnit for CI. Pure.
 */
import { wrap } from '../kernel/kernel.ts';
import { type Audit, type AuditLine, auditRules, todoText } from './audit.ts';

export function auditText({ lines, slides }: Audit): string {
  const subjects = [...new Set(lines.map(({ subject }) => subject))];
  const parts = subjects.map((subject) => {
    const own = lines.filter((line) => line.subject === subject);
    const verdict = slides.includes(subject) ? 'a slide' : 'real';
    return [`${subject}: ${verdict}`, ...own.flatMap(lineText)].join('\n');
  });
  const count = `${slides.length} of ${subjects.length} are slides.`;
  return [...parts, slides.length === 0 ? `All ${subjects.length} are real.` : count].join('\n\n');
}

const ruleWidth = Math.max(...Object.keys(auditRules).map((rule) => rule.length));

function lineText({ ok, rule, says, todo }: AuditLine): string[] {
  const head = `  ${ok ? 'yes' : 'NO '} ${rule.padEnd(ruleWidth)} `;
  return [
    ...wrap(`${head}${says}`, head.length),
    ...(todo === null
      ? []
      : wrap(`${' '.repeat(head.length)}-> ${todoText(todo)}`, head.length + 3)),
  ];
}

/** Returns the answer of `--json`: what to do is a text there. */
export function auditJson({ lines, slides }: Audit): unknown {
  return { lines: lines.map((line) => ({ ...line, todo: asText(line) })), slides };
}

const asText = ({ todo }: AuditLine) => (todo === null ? null : todoText(todo));

/**
 * Returns SARIF: each failed line is a result of level error, located at the file that declares the
 * service.
 */
export function auditSarif({ lines }: Audit, file: string, version: string): unknown {
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'throwover audit',
            version,
            rules: Object.entries(auditRules).map(([id, text]) => ({
              id,
              shortDescription: { text },
            })),
          },
        },
        results: lines
          .filter(({ ok }) => !ok)
          .map((line) => ({
            ruleId: line.rule,
            level: 'error',
            message: {
              text: `${line.subject} is a slide: ${line.says}. ${asText(line) ?? ''}`.trim(),
            },
            locations: [{ physicalLocation: { artifactLocation: { uri: file } } }],
            // One alert for each line, however its age is worded.
            partialFingerprints: { 'subjectAndRule/v1': `${line.subject}/${line.rule}` },
          })),
      },
    ],
  };
}

/** Returns JUnit XML: one test suite for each subject, one test case for each rule. */
export function auditJunit({ lines }: Audit): string {
  const subjects = [...new Set(lines.map(({ subject }) => subject))];
  const failing = (own: readonly AuditLine[]) => own.filter(({ ok }) => !ok).length;
  const suites = subjects.map((subject) => {
    const own = lines.filter((line) => line.subject === subject);
    const cases = own.map((line) => {
      const { ok, rule, says } = line;
      const open = `    <testcase classname="${xml(subject)}" name="${xml(auditRules[rule])}"`;
      if (ok) return `${open}/>`;
      return `${open}>\n      <failure message="${xml(says)}">${xml(asText(line) ?? '')}</failure>\n    </testcase>`;
    });
    return `  <testsuite name="${xml(subject)}" tests="${own.length}" failures="${failing(own)}">\n${cases.join('\n')}\n  </testsuite>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="throwover audit" tests="${lines.length}" failures="${failing(lines)}">\n${suites.join('\n')}\n</testsuites>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

/** Escapes text for XML. Leaves out control characters, which XML 1.0 cannot hold. */
function xml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const allowed = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '');
  return allowed.replace(/[&<>"]/g, (character) => entities[character] ?? '');
}
