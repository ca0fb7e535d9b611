/**
 * Drives the MCP clients people use through Sidelight: brings test/clients up to date with its lock
 * file, and runs its tests. Arguments are file patterns that replace all, and flags of `node --test`.
 */

import { globSync } from 'node:fs'
import path from 'node:path'
import { CLIENTS, installClients, runTests } from './client-packages.ts'

const given = process.argv.slice(2)
const flags = given.filter((argument) => argument.startsWith('-'))
const patterns = given.filter((argument) => !argument.startsWith('-'))
const files = patterns.length > 0 ? patterns : globSync(path.join(CLIENTS, '*.test.ts'))

const passed = installClients() && runTests(files, '--test-timeout=120000', ...flags)
process.exit(passed ? 0 : 1)
