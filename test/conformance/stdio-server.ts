/** The conformance fixtures over stdio, as the official SDK v2 serves them. */

import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { createFixtureServer } from './fixture-server.ts'

serveStdio(() => createFixtureServer(), {
  onerror: (error) => process.stderr.write(`${error.message}\n`),
})
