/** The effective configuration as YAML, with secrets masked. */

import { stringify } from 'yaml'
import type { Config } from './schema.ts'

const MASK = '********'

export function printConfig(config: Config): string {
  return stringify(maskSecrets(config))
}

/** Header values, variables and arguments may be credentials, and so may a URL's query: none is ever shown. */
export function maskSecrets(config: Config): Config {
  const upstreams = Object.entries(config.upstreams).map(([name, upstream]) => [
    name,
    {
      ...upstream,
      ...(upstream.url === undefined ? {} : { url: maskUrl(upstream.url) }),
      ...(upstream.command === undefined ? {} : { command: maskArguments(upstream.command) }),
      headers: maskValues(upstream.headers),
      env: maskValues(upstream.env),
    },
  ])
  const { auth, alerts } = config
  const receivers = Object.entries(alerts.receivers).map(([name, receiver]) => [
    name,
    { ...receiver, url: maskPath(receiver.url), headers: maskValues(receiver.headers) },
  ])
  return {
    ...config,
    alerts: { ...alerts, receivers: Object.fromEntries(receivers) },
    upstreams: Object.fromEntries(upstreams),
    auth: {
      ...auth,
      issuers: auth.issuers.map((issuer) =>
        issuer.introspection === undefined
          ? issuer
          : {
              ...issuer,
              introspection: {
                ...issuer.introspection,
                clientSecret: maskSecret(issuer.introspection.clientSecret),
              },
            },
      ),
      dev:
        auth.dev.secret === undefined
          ? auth.dev
          : { ...auth.dev, secret: maskSecret(auth.dev.secret) },
    },
  }
}

/** Where a secret is read from is none. */
function maskSecret(
  secret: string | { readonly file: string },
): string | { readonly file: string } {
  return typeof secret === 'string' ? MASK : secret
}

function maskUrl(text: string): string {
  const url = new URL(text)
  if (url.search === '') return text
  return `${url.origin}${url.pathname}?${MASK}`
}

/** Whoever knows the path of a webhook may often write to it. */
function maskPath(text: string): string {
  const { origin, pathname, search } = new URL(text)
  return pathname === '/' && search === '' ? origin : `${origin}/${MASK}`
}

/** The program is shown, and how many arguments it gets. */
function maskArguments([program = '', ...args]: readonly string[]): string[] {
  return [program, ...args.map(() => MASK)]
}

function maskValues(values: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.keys(values).map((key) => [key, MASK]))
}
