export { KafkajsAdmin } from './admin.ts';
export { createKafkajs, kafkajsLogCreator, type KafkajsOptions } from './kafkajs-client.ts';
export { createKafkajsLog } from './kafkajs-log.ts';
