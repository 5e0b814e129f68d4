export { MemorySink, MemoryStore } from './memory-sink.ts';
