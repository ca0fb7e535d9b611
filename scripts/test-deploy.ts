/**
 * Holds what is in deploy/ against the tools that read it and the schemas of Kubernetes, with the packages of
 * test/deploy. Arguments are file patterns that replace all, and flags of `node --test`.
 */

import { globSync } from 'node:fs'
import { installPackages, runTests } from './client-packages.ts'

const given = process.argv.slice(2)
const flags = given.filter((argument) => argument.startsWith('-'))
const patterns = given.filter((argument) => !argument.startsWith('-'))
const files =
  patterns.length > 0
    ? patterns
    : globSync('test/deploy/**/*.test.ts', { exclude: ['**/node_modules/**'] })

const passed = installPackages('test/deploy') && runTests(files, '--test-timeout=240000', ...flags)
process.exit(passed ? 0 : 1)
