import { describe, expect, test } from '@jest/globals';
import { pomText } from './pom.ts';
import { downloadedBytes, progressLine } from './progress.ts';

describe('progress', () => {
  test('sizes are read out of Maven lines of every unit', () => {
    const line = (size: string): string =>
      `[INFO] Downloaded from central: https://repository/a/b.jar (${size} at 4.5 MB/s)`;
    expect(downloadedBytes(line('109 MB'))).toBe(109_000_000);
    expect(downloadedBytes(line('8.1 kB'))).toBe(8100);
    expect(downloadedBytes(line('512 B'))).toBe(512);
    expect(downloadedBytes('[INFO] Downloading from central: https://repository/a/b.jar')).toBeUndefined();
    expect(downloadedBytes('[INFO] BUILD SUCCESS')).toBeUndefined();
  });

  const progress = {
    what: 'Kafka 4.3.1',
    index: 2,
    count: 4,
    files: 31,
    bytes: 12_345_678,
    expectedBytes: 57_000_000,
    state: 'fetching',
  } as const;

  test('a line says what, which of how many, and how much of how much', () => {
    expect(progressLine(progress)).toBe('Fetching Kafka 4.3.1 (2 of 4): 12 MB of about 57 MB, 31 files');
  });

  test('more than expected is not shown as a share', () => {
    expect(progressLine({ ...progress, bytes: 60_000_000 })).toBe('Fetching Kafka 4.3.1 (2 of 4): 60 MB, 31 files');
  });

  test('the end is said', () => {
    expect(progressLine({ ...progress, bytes: 1_500_000, state: 'done' })).toBe(
      'Fetched Kafka 4.3.1 (2 of 4): 1.5 MB, 31 files',
    );
  });
});

test('a project file names exactly what to fetch', () => {
  const text = pomText('kafka', ['org.apache.kafka:kafka_2.13:4.3.1'], ['a.b:c:1']);
  expect(text).toContain(
    '<groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.3.1</version>',
  );
  expect(text.indexOf('a.b')).toBeLessThan(text.indexOf('org.apache.kafka'));
  expect(() => pomText('x', ['no-version:here'], [])).toThrow('group:artifact:version');
});
