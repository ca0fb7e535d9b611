/** The conformance client, without a sidecar. */

import { runClient, serverUrl } from './run-client.ts'

process.exit(await runClient(serverUrl()))
