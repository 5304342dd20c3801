import js from '@eslint/js'
import { importX } from 'eslint-plugin-import-x'
import tseslint from 'typescript-eslint'

export default tseslint.config(
  { ignores: ['dist', 'build', 'out', 'node_modules', 'coverage', '.fresh', 'eslint.config.js'] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      'import-x/no-default-export': 'error',
      'import-x/no-self-import': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/consistent-type-assertions': ['error', { assertionStyle: 'as' }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      // Numbers in messages are ids, counts and milliseconds: their text is the wanted text.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // A type keeps each record readonly and spelled as one thing; interfaces may be merged.
      '@typescript-eslint/consistent-type-definitions': ['error', 'type'],
    },
  },
  {
    files: ['src/**/*.ts'],
    // A function fits a screen; one that cannot says why on the line above it.
    rules: {
      'max-lines-per-function': ['error', { max: 40, skipBlankLines: true, skipComments: true }],
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
  },
  {
    files: ['vitest.config.ts', 'vitest.mutation.config.ts', 'stryker.config.ts'],
    // Vitest and Stryker read a configuration from its default export.
    rules: { 'import-x/no-default-export': 'off' },
  },
)
