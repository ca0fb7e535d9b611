import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parsePins, readPinFile } from '../../src/telemetry/pin-file.ts'

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`

function problemOf(text: string): string {
  const pins = parsePins(text)
  return 'kind' in pins ? pins.message : 'accepted'
}

describe('A pin file', () => {
  it('maps names of tools to one digest or several', () => {
    const pins = parsePins(
      JSON.stringify({ version: 1, tools: { a: DIGEST, __proto__x: [DIGEST], b: [DIGEST] } }),
    )
    assert.ok(!('kind' in pins))
    assert.deepEqual([...pins.keys()], ['a', '__proto__x', 'b'])
    assert.deepEqual([...(pins.get('b') ?? [])], [DIGEST])
  })

  it('that is malformed is refused with place and expectation, without its values', () => {
    const digest = 'expected a digest such as "sha256:" and 64 hex digits, or a list of them'
    const cases: readonly (readonly [string, string])[] = [
      ['', 'expected a JSON object with "version" and "tools"'],
      ['[]', 'expected a JSON object with "version" and "tools"'],
      ['{"version":2,"tools":{}}', 'version: expected 1'],
      ['{"version":1}', 'tools: expected an object of digests by name of tool'],
      ['{"version":1,"tools":[]}', 'tools: expected an object of digests by name of tool'],
      ['{"version":1,"tools":{},"x":1}', 'unknown key "x"'],
      ['{"version":1,"tools":{"a":"SECRET"}}', `tools."a": ${digest}`],
      ['{"version":1,"tools":{"a":[]}}', `tools."a": ${digest}`],
      [`{"version":1,"tools":{"a":["${DIGEST}",7]}}`, `tools."a": ${digest}`],
      [`{"version":1,"tools":{"a":"${DIGEST.toUpperCase()}"}}`, `tools."a": ${digest}`],
    ]
    for (const [text, expected] of cases) assert.equal(problemOf(text), expected, text)
  })

  it('that is not there, or too large, is refused', async () => {
    const missing = readPinFile('/nonexistent/pins.json')
    assert.deepEqual(missing, { kind: 'problem', message: 'cannot be read (ENOENT)' })
    const directory = await mkdtemp(join(tmpdir(), 'sidelight-'))
    try {
      const file = join(directory, 'pins.json')
      await writeFile(file, ' '.repeat(1024 * 1024 + 1))
      assert.deepEqual(readPinFile(file), {
        kind: 'problem',
        message: 'expected a file of at most 1 MiB',
      })
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})
