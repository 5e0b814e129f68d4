import { testEngines } from '@millrace/infra-local/testing';
import { logContract } from '../log/testing/contract.ts';
import { silentLogger } from '../telemetry/index.ts';
import { createKafkajsLog } from './index.ts';

const runId = `kafkajs-log-${process.pid}-${Date.now()}`;

logContract(
  'log-kafkajs',
  () => {
    let topics = 0;
    const client = (): ReturnType<typeof createKafkajsLog> =>
      createKafkajsLog({ brokers: testEngines().kafkaBrokers, clientId: 'test', logger: silentLogger() });
    return Promise.resolve({
      client,
      topic: () => `${runId}-${++topics}`,
      close: async () => {
        const cleaner = client();
        await cleaner.admin.deleteTopics((await cleaner.admin.listTopics()).filter((topic) => topic.startsWith(runId)));
        await cleaner.close();
      },
    });
  },
  ['compaction', 'gapless', 'identity'],
);
