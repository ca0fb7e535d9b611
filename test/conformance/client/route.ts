/**
 * Leads the client's connections to a sidecar that stands in front of the server, as an address
 * that changed hands does: the URL, `Host` and everything signed over them stay the server's.
 */

import { Agent, buildConnector, install, setGlobalDispatcher } from 'undici'

/** Takes undici's own `fetch` for the process, with the sidecar's port for the server's origin. */
export function routeFetch(server: URL, sidecarPort: string | undefined): void {
  install()
  if (sidecarPort === undefined) return
  const connect = buildConnector({})
  setGlobalDispatcher(
    new Agent({
      connect: (options, callback) => {
        const isServer = options.hostname === server.hostname && options.port === server.port
        connect(
          isServer ? { ...options, hostname: '127.0.0.1', port: sidecarPort } : options,
          callback,
        )
      },
    }),
  )
}
