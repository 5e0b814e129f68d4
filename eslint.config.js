import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';
import { deterministic } from './eslint.determinism.js';

/** Workspaces a folder may import; whatever is not listed is refused. `docs/architecture.md` gives the reason. */
const mayImport = {
  kernel: [],
  schemas: ['kernel'],
  producers: ['kernel', 'schemas'],
  'stream-processors': ['kernel', 'schemas'],
  sinks: ['kernel', 'schemas'],
  api: ['kernel', 'schemas'],
  realtime: ['kernel', 'schemas'],
  'infra/local': ['kernel'],
  'infra/database': ['kernel'],
  cli: ['kernel', 'schemas', 'infra-local', 'database'],
};
const workspaces = [
  'kernel',
  'schemas',
  'producers',
  'stream-processors',
  'sinks',
  'api',
  'realtime',
  'infra-local',
  'database',
  'cli',
  'tests',
];

const direction = Object.entries(mayImport).map(([folder, allowed]) => ({
  files: [`${folder}/src/**/*.ts`],
  // Tests and their harnesses may arrange with the engines' supervisor and the migrations.
  ignores: [`${folder}/src/**/*.int.test.ts`, `${folder}/src/**/testing/**`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: workspaces.filter((name) => !allowed.includes(name)).map((name) => `@millrace/${name}/*`),
            message: `${folder} may import only: ${allowed.join(', ') || 'no workspace'}. Deployables meet through topics and stores.`,
          },
        ],
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '.millrace/**'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Read the environment through @millrace/kernel/config.' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector:
            "CallExpression[callee.property.name='keys'][arguments.length=1]:not([callee.object.name='Object'])",
          message: 'KEYS stops a whole Redis until it has passed every key: SCAN.',
        },
      ],
      'no-console': 'error',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['**/*.test.ts', 'tests/**/*.ts'],
    rules: {
      'max-lines': ['error', { max: 600, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  deterministic,
  { files: ['kernel/src/config/**/*.ts'], rules: { 'no-restricted-properties': 'off' } },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        setTimeout: 'readonly',
        Buffer: 'readonly',
      },
    },
  },
  ...direction,
  prettier,
);
