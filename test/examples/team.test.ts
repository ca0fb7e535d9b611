/** The example of a team: roles, audit, breakers and alerts of several servers in one file. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startHttpServer } from '../support/http-server.ts'
import { parseJson } from '../support/json.ts'
import { waitFor } from '../support/wait-for.ts'
import { assertShown, commandsOf, copyExample, WITHIN } from './example.ts'

interface Notification {
  readonly alerts: readonly {
    readonly status: string
    readonly labels: Readonly<Record<string, string>>
  }[]
}

/** A webhook, and what it was told. */
async function startReceiver(): Promise<{ url: string; told: readonly Notification[] }> {
  const told: Notification[] = []
  const { origin } = await startHttpServer((request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      told.push(parseJson(text))
      response.end()
    })
  })
  return { url: `${origin}/alerts`, told }
}

test('each member may do what their role allows, and all of it is recorded', async () => {
  const [install, check, server, sidelight, reader, editor, explain, query, verify, ...more] =
    commandsOf('examples/team/README.md')
  assert.deepEqual([install, more], ['npm install', []])
  const [example, receiver] = await Promise.all([copyExample('team'), startReceiver()])
  assert.equal(await example.run(check ?? ''), 'sidelight.yaml: valid, 2 upstreams\n')
  const serving = example.start(server ?? '', { PORT: '0' })
  const [, docsUrl = ''] = await serving.find(/^docs server at (\S+)$/m)
  const listening = await example.startSidelight(sidelight ?? '', {
    DOCS_URL: docsUrl,
    ALERT_URL: receiver.url,
  })
  const as = (command = ''): Promise<string> =>
    example.run(command, { SIDELIGHT_URL: listening.dataUrl })

  const refused = 'refused. The MCP server "docs" was not called: The policy of its operator does'
  assert.deepEqual(cutOff(await as(reader), refused), [
    'docs: search_pages',
    'everything: echo, get-sum',
    'search_pages: drafts/plans',
    `remove_page handbook: ${refused}`,
    `remove_page drafts/plans: ${refused}`,
  ])
  assertShown('examples/team/README.md', await as(editor))

  const explained = example.start(explain ?? '')
  assert.equal(await explained.ended(), 1)
  assert.match(explained.stdout, /^deny \(condition\): tool remove_page at docs/)

  await serving.stop()
  const token = (
    await example.run('sidelight token -c sidelight.yaml --subject a --role admin')
  ).trim()
  await waitFor(
    async () => {
      await search(listening.dataUrl, token)
      const answer = await fetch(`${listening.adminUrl}/api/v1/breakers/docs`)
      return /"state":"open"/.test(await answer.text())
    },
    { within: WITHIN, what: 'the breaker of docs to open' },
  )
  const labels = await waitFor(
    () =>
      receiver.told
        .flatMap(({ alerts }) => alerts)
        .find((alert) => alert.labels['alertname'] === 'SidelightBreakerOpen')?.labels,
    { within: WITHIN, what: 'the alert' },
  )
  assert.equal(labels['team'], 'agents')
  assert.equal(labels['sidelight_upstream_name'], 'docs')

  await listening.stop()
  const records = (await example.run(query ?? '')).trim().split('\n')
  const removed = records
    .map((line) => parseJson<Readonly<Record<string, unknown>>>(line))
    .filter(({ decision }) => JSON.stringify(decision)?.includes('"allow"'))
  assert.deepEqual(
    removed.map(({ tool, arguments: args }) => [tool, JSON.stringify(args)]),
    [
      [
        'remove_page',
        String.raw`{"bytes":23,"form":"canonical","shown":"{\"page\":\"drafts/plans\"}"}`,
      ],
    ],
  )
  assert.match(await example.run(verify ?? ''), /^in order$/m)
})

/** The lines of a text; what follows `start` in a line is left out. */
function cutOff(text: string, start: string): readonly string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const at = line.indexOf(start)
      return at < 0 ? line : line.slice(0, at + start.length)
    })
}

/** Calls the tool that reads, whatever comes of it. */
async function search(dataUrl: string, token: string): Promise<void> {
  const params = { name: 'search_pages', arguments: { words: 'x' } }
  const response = await fetch(`${dataUrl}/docs/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${token}`,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
  })
  await response.text()
}
