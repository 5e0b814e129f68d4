export { createKafkaGroup, createKafkaLog, type KafkaLogOptions } from './kafka-log.ts';
