import type { Drawn, Pipeline } from '../operators/index.ts';
import type { AnyProcessor, InputSpec } from '../runtime/index.ts';

/** What follows what, as a Mermaid flowchart: topics, processors and, on the edges, the tables or kinds that are read. */
export function topology(processors: readonly AnyProcessor[]): string {
  const lines = ['flowchart LR'];
  const topics = new Set(processors.flatMap(({ inputs, output }) => [...inputs.map(({ topic }) => topic), output]));
  for (const topic of [...topics].sort()) lines.push(`  ${nodeOf(topic)}[(${topic})]`);
  for (const { name } of processors) lines.push(`  ${nodeOf(`processor.${name}`)}[${name}]`);
  for (const { name, inputs, output } of processors) {
    const node = nodeOf(`processor.${name}`);
    for (const input of inputs) lines.push(`  ${nodeOf(input.topic)} -->|${labelOf(input)}| ${node}`);
    lines.push(`  ${node} --> ${nodeOf(output)}`);
  }
  return lines.join('\n');
}

/** The operators of one processor, with the topics they read and the view they end in. */
export function operatorTopology({ name, output, operators }: Pipeline): string {
  const lines = ['flowchart LR'];
  for (const { id, label, topic } of operators) {
    const shown = topic === undefined ? label : `${topic}: ${label}`;
    lines.push(`  o${id}[${quoted(shown)}]`);
  }
  for (const { id, from } of operators) for (const before of from) lines.push(`  o${before} --> o${id}`);
  lines.push(`  view[(${output})]`);
  for (const last of ends(operators)) lines.push(`  o${last} -->|${name}| view`);
  return lines.join('\n');
}

export function isPipeline(processor: AnyProcessor): processor is AnyProcessor & Pipeline {
  return 'operators' in processor;
}

function ends(operators: readonly Drawn[]): number[] {
  const followed = new Set(operators.flatMap(({ from }) => from));
  return operators.map(({ id }) => id).filter((id) => !followed.has(id));
}

const nodeOf = (name: string): string => name.replace(/[^A-Za-z0-9]/g, '_');
const quoted = (text: string): string => `"${text.replace(/"/g, "'")}"`;

function labelOf(input: InputSpec): string {
  const names = input.from === 'cdc' ? input.tables : input.kinds;
  return quoted(`${names.join(', ')}${input.partitions === 'all' ? ' of all partitions' : ''}`);
}
