import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '@millrace/kernel/config';
import { sinksSettings } from './config.ts';
import type { SinkStatus } from './runner/index.ts';
import { sinksService } from './sinks-service.ts';

const status = (sink: string, state: SinkStatus['state'], reason?: string): SinkStatus => ({
  sink,
  state,
  partitions: [],
  ...(reason === undefined ? {} : { reason }),
});

const still = { run: () => Promise.resolve() };

describe('sinks', () => {
  test('one store that waits makes the process degraded, and /ready names it', async () => {
    const runner = (state: SinkStatus) => ({ run: () => Promise.resolve(), status: () => [state], sinks: [] });
    const service = sinksService(
      [runner(status('redis', 'running')), runner(status('clickhouse', 'waiting', 'no answer'))],
      still,
    );
    expect(await service.ready()).toEqual({ ready: false, reason: 'degraded: clickhouse is waiting (no answer)' });
    expect(service.status?.()).toMatchObject({ sinks: [{ sink: 'redis' }, { sink: 'clickhouse' }] });
  });

  test('one that cannot go on stops the others and ends the run', async () => {
    let stopped = false;
    const patient = {
      run: (signal: AbortSignal) =>
        new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            stopped = true;
            resolve();
          });
        }),
      status: () => [status('redis', 'running')],
      sinks: [],
    };
    const broken = {
      run: () => Promise.reject(new Error('refused')),
      status: () => [status('clickhouse', 'running')],
      sinks: [],
    };
    await expect(sinksService([patient, broken], still).run(new AbortController().signal)).rejects.toThrow('refused');
    expect(stopped).toBe(true);
  });

  test('SINKS chooses stores, each once, and refuses others', () => {
    expect(loadConfig(sinksSettings, {}).sinks).toEqual(['redis', 'elasticsearch', 'clickhouse']);
    expect(loadConfig(sinksSettings, { SINKS: 'redis, redis' }).sinks).toEqual(['redis']);
    expect(() => loadConfig(sinksSettings, { SINKS: 'mongo' })).toThrow('SINKS');
  });
});
