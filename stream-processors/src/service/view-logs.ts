import { logsOf, generationsOf } from '@millrace/schemas/generations';
import type { GenerationRows } from '@millrace/schemas/generations';
import { FIRST_LOG, logOfTopic, topicOfLog, viewOfTopic } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import type { AnyProcessor } from '../runtime/index.ts';

/** A processor as the writer of one of its view's logs: with a name, topics and tasks of its own. */
export interface LogProcessor {
  readonly processor: AnyProcessor;
  readonly view: ViewName;
  readonly log: number;
}

/**
 * The processor that writes each log which somebody reads: a generation of the view, or a kept log that is made from it. A log is made
 * from the same logs for as long as it is kept, so a switch of one view changes nothing in what is made from it.
 */
export function logProcessors(processors: readonly AnyProcessor[], rows: GenerationRows): LogProcessor[] {
  const found = new Map<string, LogProcessor>();
  const keep = (processor: AnyProcessor, log: number): void => {
    const one = ofLog(processor, log, rows);
    if (found.has(one.processor.output)) return;
    found.set(one.processor.output, one);
    for (const { from, topic } of one.processor.inputs) {
      const input = from === 'view' ? logOfTopic(topic) : null;
      const writer = processors.find(({ output }) => input !== null && viewOfTopic(output) === input.view);
      if (input !== null && writer !== undefined) keep(writer, input.log);
    }
  };
  for (const processor of processors)
    for (const log of logsOf(rows, viewOfTopic(processor.output))) keep(processor, log);
  return [...found.values()];
}

function ofLog(processor: AnyProcessor, log: number, rows: GenerationRows): LogProcessor {
  const view = viewOfTopic(processor.output);
  if (log === FIRST_LOG) return { processor, view, log };
  const madeFrom = generationsOf(rows, view).logInputs[String(log)] ?? {};
  const inputs = processor.inputs.map((input) => {
    if (input.from !== 'view') return input;
    const from = viewOfTopic(input.topic);
    return { ...input, topic: topicOfLog(from, madeFrom[from] ?? FIRST_LOG) };
  });
  return {
    processor: { ...processor, name: `${processor.name}.g${log}`, output: topicOfLog(view, log), inputs },
    view,
    log,
  };
}

/**
 * Topics of logs that nobody reads any more, dead letters included. A number above the view's last is of a row that has not come yet, and the
 * first log's topic is in the catalogue: both stay.
 */
export function leftOverTopics(
  topics: readonly string[],
  prefix: string,
  rows: GenerationRows,
  kept: readonly LogProcessor[],
): string[] {
  return topics.filter((topic) => {
    const found = logOfTopic(topic.replace(/\.dlq$/, ''), prefix);
    if (found === null || found.log === FIRST_LOG) return false;
    const { view, log } = found;
    return log <= generationsOf(rows, view).last && !kept.some((one) => one.view === view && one.log === log);
  });
}

/** Whether a log is filled that no reader sees. */
export function isFilled({ view, log }: Pick<LogProcessor, 'view' | 'log'>, rows: GenerationRows): boolean {
  const { activeLog, buildingLog, previousLog } = generationsOf(rows, view);
  return log === buildingLog && log !== activeLog && log !== previousLog;
}
