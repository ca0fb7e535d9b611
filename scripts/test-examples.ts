/**
 * Runs the examples as their READMEs say, with the packages of test/clients, which have all that the
 * examples need. Arguments are file patterns that replace all, and flags of `node --test`.
 */

import { globSync } from 'node:fs'
import { installClients, runTests } from './client-packages.ts'

const given = process.argv.slice(2)
const flags = given.filter((argument) => argument.startsWith('-'))
const patterns = given.filter((argument) => !argument.startsWith('-'))
const files = patterns.length > 0 ? patterns : globSync('test/examples/*.test.ts')

const passed = installClients() && runTests(files, '--test-timeout=240000', ...flags)
process.exit(passed ? 0 : 1)
