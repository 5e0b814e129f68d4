import { EventEmitter } from 'node:events';
import { expect, test } from '@jest/globals';
import { CopyStream } from './copy-stream.ts';

/** What a copy needs of a connection. */
class FakeConnection extends EventEmitter {
  readonly stream = Object.assign(new EventEmitter(), { pause: () => undefined, resume: () => undefined });

  query(): void {
    // The answer comes by the copy's handlers.
  }
}

test('a copy that is refused again and again leaves nothing behind on its connection', async () => {
  const connection = new FakeConnection();
  for (let attempt = 0; attempt < 20; attempt++) {
    const copy = new CopyStream('START_REPLICATION', () => undefined);
    copy.submit(connection as never);
    copy.handleError(new Error('replication slot is active'));
    copy.handleReadyForQuery();
    await expect(copy.started).rejects.toThrow('is active');
  }
  expect([...connection.eventNames(), ...connection.stream.eventNames()]).toEqual([]);
});

test('a copy that has started leaves nothing behind either', async () => {
  const connection = new FakeConnection();
  const copy = new CopyStream('COPY', () => undefined);
  copy.submit(connection as never);
  connection.emit('copyOutResponse');
  await copy.started;
  expect(connection.eventNames()).toEqual([]);
  copy.handleReadyForQuery();
  expect(connection.stream.eventNames()).toEqual([]);
});
