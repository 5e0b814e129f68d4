/**
 * What a handler, and whatever it is made of, may not reach: replay must be exact, so there is no clock, no chance, no I/O, nothing that answers
 * later, nothing that depends on the machine, and no memory but the stores. `stream-processors/src/determinism.test.ts` shows that each rule bites.
 */
const clockOrIo = [
  'Date',
  'performance',
  'process',
  'crypto',
  'fetch',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'Promise',
  'Intl',
  'globalThis',
  'global',
  'navigator',
  'require',
  'eval',
  'Function',
  'Worker',
  'WebSocket',
  'EventSource',
  'XMLHttpRequest',
  'MessageChannel',
  'BroadcastChannel',
  'SharedArrayBuffer',
  'Atomics',
  'WeakRef',
  'FinalizationRegistry',
];

/** Esquery ends a pattern at a slash, hence the dots. */
const pure = '^@millrace.(schemas.(cdc|views|topics|partition|events)|kernel.(errors|position))$';
const impure = `/^(?![.]|${pure.slice(1)})/`;
const machinery = '/^[.].*[^a-z](service|testing|simulation|bench|main|config|log|log-kafka)([^a-z-]|$)/';
const from = (pattern) =>
  ['ImportDeclaration[importKind!="type"]', 'ExportNamedDeclaration', 'ExportAllDeclaration'].map(
    (node) => `${node}[source.value=${pattern}]`,
  );

const syntax = [
  ['AwaitExpression', 'A handler is synchronous.'],
  [':function[async=true]', 'A handler is synchronous.'],
  ['ForOfStatement[await=true]', 'A handler is synchronous.'],
  ['ImportExpression', 'Imports are static, so that what a handler can reach is known.'],
  ['MetaProperty[meta.name="import"]', 'A handler does not know where it runs.'],
  ...from(impure).map((selector) => [
    selector,
    'Only rows, views, topics, positions and errors are within reach of a handler: it does no I/O.',
  ]),
  ...from(machinery).map((selector) => [selector, 'The machinery that runs handlers is out of their reach.']),
  [
    ':matches(Program, ExportNamedDeclaration) > VariableDeclaration[kind!="const"]',
    'What a handler remembers is in its stores: anything else is gone after a restart.',
  ],
  [
    ':matches(Program, ExportNamedDeclaration) > VariableDeclaration > VariableDeclarator > NewExpression[callee.name=/^(Map|Set)$/][arguments.length=0]',
    'What a handler remembers is in its stores: anything else is gone after a restart.',
  ],
];

export const deterministic = {
  files: ['processors', 'operators', 'fields'].map((folder) => `stream-processors/src/${folder}/**/*.ts`),
  ignores: ['**/*.test.ts'],
  rules: {
    'no-restricted-globals': [
      'error',
      ...clockOrIo.map((name) => ({
        name,
        message: 'A handler is deterministic: time is stream time, there is no chance and no I/O.',
      })),
    ],
    'no-restricted-properties': [
      'error',
      { object: 'process', property: 'env', message: 'Read the environment through @millrace/kernel/config.' },
      { object: 'Math', property: 'random', message: 'A handler is deterministic: there is no chance.' },
      { property: 'localeCompare', message: 'Depends on the machine; compare texts with < and >.' },
      ...['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString', 'toLocaleUpperCase', 'toLocaleLowerCase'].map(
        (property) => ({ property, message: 'Depends on the machine.' }),
      ),
    ],
    'no-restricted-syntax': ['error', ...syntax.map(([selector, message]) => ({ selector, message }))],
  },
};
