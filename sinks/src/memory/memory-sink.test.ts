import { sinkContract } from '../port/testing/contract.ts';
import { MemorySink, MemoryStore } from './index.ts';

sinkContract('memory', () => {
  const store = new MemoryStore();
  return Promise.resolve({
    createSink: () => new MemorySink(store),
    contents: () =>
      Promise.resolve(
        new Map([...store.entries].filter(([, { data }]) => data !== null).map(([key, held]) => [key, held])),
      ),
    drop: () => Promise.resolve(),
  });
});
