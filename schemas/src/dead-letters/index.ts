/**
 * Headers of a record in a dead-letter topic, whoever wrote it; its key and value are those of the record it stands for. Sinks write neither
 * position nor parked nor timer.
 */
export const deadLetterHeaders = {
  processor: 'millrace.processor',
  topic: 'millrace.origin.topic',
  partition: 'millrace.origin.partition',
  offset: 'millrace.origin.offset',
  kind: 'millrace.error.kind',
  message: 'millrace.error.message',
  position: 'millrace.position',
  /** Which of those that wait for a parked aggregate it is. */
  parked: 'millrace.parked',
  /** Key of the timer whose handler threw; there is no record then. */
  timer: 'millrace.timer',
} as const;
