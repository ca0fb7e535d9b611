/**
 * What to paste into a client so that its calls pass through here.
 *
 * @import { Store } from './store.js'
 * @import { Snapshot } from './types.d.ts'
 */

import { html, nothing } from '/ui/lib/lit-html.js'

/** @typedef {{ id: string, label: string, text: (servers: readonly Server[]) => string }} Client */
/** @typedef {{ name: string, url: string }} Server */

/** @type {readonly Client[]} */
const CLIENTS = [
  {
    id: 'generic',
    label: 'mcp.json',
    text: (servers) => json('mcpServers', servers, { type: 'http' }),
  },
  { id: 'vscode', label: 'VS Code', text: (servers) => json('servers', servers, { type: 'http' }) },
  {
    id: 'claude',
    label: 'Claude Code',
    text: (servers) =>
      servers.map(({ name, url }) => `claude mcp add --transport http ${name} ${url}`).join('\n'),
  },
  { id: 'typescript', label: 'TypeScript', text: typescript },
]

/**
 * @param {string} key
 * @param {readonly Server[]} servers
 * @param {object} more
 */
function json(key, servers, more) {
  const entries = servers.map(({ name, url }) => [name, { ...more, url }])
  return JSON.stringify({ [key]: Object.fromEntries(entries) }, null, 2)
}

/** @param {readonly Server[]} servers */
function typescript(servers) {
  const lines = servers.map(
    ({ name, url }) =>
      `await client.connect(new StreamableHTTPClientTransport(new URL('${url}'))) // ${name}`,
  )
  return [
    "import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'",
    '',
    "const client = new Client({ name: 'my-agent', version: '1.0.0' })",
    ...lines,
  ].join('\n')
}

/**
 * @param {Store} store
 * @param {Snapshot} snapshot
 * @param {(text: string, what: string) => void} copy
 */
export function connect(store, { dataUrl, upstreams }, copy) {
  return html`<section id="connect" aria-labelledby="connect-title">
    <div class="section-head">
      <h2 id="connect-title">Connect a client</h2>
      <span class="spacer"></span>
      ${
        dataUrl === undefined
          ? nothing
          : html`<div class="segmented" role="group" aria-label="Kind of client">
              ${CLIENTS.map(({ id, label }) => html`<button type="button" aria-pressed=${store.client === id} @click=${() => store.set({ client: id })}>${label}</button>`)}
            </div>`
      }
    </div>
    <div class="card">
      ${dataUrl === undefined ? wrapped() : snippet(store, serversOf(dataUrl, upstreams), copy)}
    </div>
  </section>`
}

function wrapped() {
  return html`<p class="quiet">
    This Sidelight wraps one server for one client over pipes; there is no address to connect to.
  </p>`
}

/**
 * @param {string} dataUrl
 * @param {Snapshot['upstreams']} upstreams
 * @returns {Server[]}
 */
function serversOf(dataUrl, upstreams) {
  return upstreams.map(({ name, path }) => ({ name, url: `${dataUrl}${path}` }))
}

/**
 * @param {Store} store
 * @param {readonly Server[]} servers
 * @param {(text: string, what: string) => void} copy
 */
function snippet(store, servers, copy) {
  const client = CLIENTS.find(({ id }) => id === store.client) ?? CLIENTS[0]
  const text = client?.text(servers) ?? ''
  return html`<div class="snippet">
    <div class="toolbar">
      <span class="muted">Paste this where your client keeps its servers.</span
      ><span class="spacer"></span>
      <button type="button" class="button" @click=${() => copy(text, 'Configuration')}>Copy</button>
    </div>
    <pre tabindex="0" role="region" aria-label="Client configuration">${text}</pre>
  </div>`
}
