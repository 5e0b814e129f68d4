import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { silentLogger } from '@millrace/kernel/telemetry';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import { logOfTopic, topicOfLog } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import { keyedSpecs } from '@millrace/schemas/topics';
import { createViewCodec } from '@millrace/schemas/views';
import type { CliConfig } from '../config/index.ts';
import { recordsOf, tasksWriting } from '../processors/status.ts';
import type { GenerationRow } from './generation-rows.ts';

/**
 * Makes the topics and schemas of the view's next log and answers its number: above every number that the row has given, and above that of
 * every topic that is there, so that a log begins empty also where the row came from a backup. The row names it afterwards: whoever sees it
 * there finds the topic.
 */
export async function createLog(config: CliConfig, { view, last }: GenerationRow): Promise<number> {
  const { topicPrefix, partitions } = config;
  const log = createKafkaLog({ brokers: config.kafkaBrokers, clientId: 'millrace-rebuild', logger: silentLogger() });
  try {
    const numbers = (await log.admin.listTopics()).flatMap((topic) => {
      const found = logOfTopic(topic, topicPrefix);
      return found?.view === view ? [found.log] : [];
    });
    const number = Math.max(last, ...numbers) + 1;
    const topic = topicOfLog(view, number);
    await log.admin.ensureTopics(keyedSpecs(topic, topicPrefix, partitions));
    await createViewCodec(await createSchemaRegistry(config.schemaRegistryUrl), topicPrefix + topic);
    return number;
  } finally {
    await log.close();
  }
}

/** Records that the processors have read for a log; 0 where none answers. */
export async function readForLog({ processorsUrls }: CliConfig, topic: string): Promise<number> {
  const tasks = await tasksWriting(processorsUrls, topic);
  return (tasks ?? []).reduce((sum, task) => sum + recordsOf(task), 0);
}

/** Records that the inputs of the view's processor hold; null where no processor that runs tells which those are. */
export async function inputRecords(config: CliConfig, view: ViewName, activeLog: number): Promise<number | null> {
  const output = config.topicPrefix + topicOfLog(view, activeLog);
  const tasks = await tasksWriting(config.processorsUrls, output);
  const topics = new Set((tasks ?? []).flatMap(({ inputs }) => inputs.map(({ topic }) => topic)));
  if (topics.size === 0) return null;
  const log = createKafkaLog({ brokers: config.kafkaBrokers, clientId: 'millrace-rebuild', logger: silentLogger() });
  try {
    let records = 0n;
    for (const topic of topics) {
      for (const { start, end } of await log.admin.offsets(topic)) records += end - start;
    }
    return Number(records);
  } finally {
    await log.close();
  }
}
