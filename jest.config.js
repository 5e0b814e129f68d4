/** Three kinds of test, told apart by name: unit (no engine), int (one real engine), e2e (the whole road). */
const shared = {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['@millrace/source', 'node', 'node-addons'] },
  setupFiles: ['<rootDir>/scripts/test-realm.mjs'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } },
    ],
  },
  modulePathIgnorePatterns: ['/dist/', '<rootDir>/.millrace/'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/.millrace/'],
};

export default {
  // A limit on what hangs, not on how slow the machine is.
  testTimeout: 60_000,
  // Modules of a test file stay in a process' memory after it, and a full heap makes everything after it slow: a worker ends above this.
  workerIdleMemoryLimit: '1GB',
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['**/src/**/*.test.ts'],
      testPathIgnorePatterns: [...shared.testPathIgnorePatterns, '\\.int\\.test\\.ts$'],
    },
    { ...shared, displayName: 'int', testMatch: ['**/src/**/*.int.test.ts'] },
    { ...shared, displayName: 'e2e', testMatch: ['<rootDir>/tests/**/*.test.ts'] },
  ],
};
