import { describe, expect, test } from '@jest/globals';
import { javaMajor, missingPrerequisites, nodeIsRecent } from '../../../scripts/prerequisites.mjs';
import { closingLine, needsBuild, needsElasticsearch, ownArguments, searchLine } from '../../../scripts/test-run.mjs';

describe('prerequisites', () => {
  const all = { node: '20.20.2', java: 'openjdk version "17.0.15" 2025-04-15', maven: true, platform: 'linux' };

  test('nothing is said when all are there', () => {
    expect(missingPrerequisites(all)).toEqual([]);
  });

  test('each that is missing gets one sentence with the command that installs it', () => {
    expect(missingPrerequisites({ ...all, java: undefined, maven: false })).toEqual([
      'Java 17 or later is needed and none was found: install it, for example with `apt-get install -y openjdk-17-jre-headless`.',
      'Maven is needed and was not found: install it, for example with `apt-get install -y maven`.',
    ]);
    expect(missingPrerequisites({ ...all, node: '18.19.0', platform: 'darwin' })).toEqual([
      'Node 18.19.0 is too old, 20.11 or later is needed: install it, for example with `brew install node@22`.',
    ]);
    expect(missingPrerequisites({ ...all, java: 'java version "1.8.0_392"' })[0]).toMatch(/^Java 8 is too old/);
  });

  test('versions are read', () => {
    expect(javaMajor('openjdk version "21" 2023-09-19')).toBe(21);
    expect(javaMajor('no java here')).toBeUndefined();
    expect(['20.10.9', '20.11.0', '22.0.0'].map(nodeIsRecent)).toEqual([false, true, true]);
  });
});

describe('a run of the tests', () => {
  test('closes with a plain line', () => {
    expect(closingLine({ numPassedTests: 12, numFailedTests: 0 })).toBe('12 passed, 0 failed');
    expect(
      closingLine({ numPassedTests: 3, numFailedTests: 1, numRuntimeErrorTestSuites: 1, numPendingTests: 2 }),
    ).toBe('3 passed, 2 failed, 2 skipped');
    expect(closingLine(undefined)).toBe('0 passed, 1 failed');
  });

  test('keeps its own argument from jest', () => {
    expect(ownArguments(['--every-engine', '--', 'sinks'])).toEqual({ everyEngine: true, args: ['--', 'sinks'] });
    expect(ownArguments(['sinks'])).toEqual({ everyEngine: false, args: ['sinks'] });
  });

  test('starts Elasticsearch only for tests that are made for every search server', () => {
    expect(needsElasticsearch(['testEngines()', 'for (const { url } of testSearchServers()) {}'])).toBe(true);
    expect(needsElasticsearch(['testEngines()'])).toBe(false);
  });

  test('says which search servers it ran on, and why not on both', () => {
    expect(searchLine()).toBe('The search contracts ran on OpenSearch and on Elasticsearch 9.');
    expect(searchLine('Java 21 or later is needed.')).toBe(
      'The search contracts ran on OpenSearch alone, not on Elasticsearch 9: Java 21 or later is needed.',
    );
  });

  test('builds only where deployables may run', () => {
    expect(needsBuild([])).toBe(true);
    expect(needsBuild(['--selectProjects', 'unit', 'int'])).toBe(false);
    expect(needsBuild(['--selectProjects', 'unit', 'e2e', '--', 'x'])).toBe(true);
  });
});
