import { environment } from '@millrace/kernel/config';
import { processors } from '../processors/index.ts';
import { isPipeline, operatorTopology, topology } from './mermaid.ts';

/** `millrace processors topology` runs this: all processors, or the one that PROCESSOR names. Exit code 2: there is none of this name. */
const { PROCESSOR } = environment();
const chosen = processors.find(({ name }) => name === PROCESSOR);
if (PROCESSOR !== undefined && chosen === undefined) {
  const known = processors.map(({ name }) => name).join(', ');
  process.stderr.write(`there is no processor ${PROCESSOR}: there are ${known}`);
  process.exitCode = 2;
} else if (chosen === undefined) {
  process.stdout.write(topology(processors));
} else {
  process.stdout.write(isPipeline(chosen) ? operatorTopology(chosen) : topology([chosen]));
}
