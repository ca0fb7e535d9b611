/** What the documentation tells people to type is understood by what they type it into. */

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { readFleet } from '../../scripts/capacity.ts'
import { parseCommandLine } from '../../src/cli/flags.ts'
import { API_ROUTES } from '../../src/http/api/routes.ts'
import {
  PAGES,
  fencesOf,
  proseOf,
  shellCommands,
  sidelightArguments,
  type Fence,
} from '../support/markdown.ts'

const fences = PAGES.flatMap(fencesOf)
const SHELL = ['sh', 'bash', 'shell', 'console']

interface Shown {
  readonly where: string
  readonly words: readonly string[]
}

const shown: readonly Shown[] = fences.flatMap((fence) =>
  scriptsOf(fence)
    .flatMap(shellCommands)
    .map((words) => ({ where: `${fence.page}:${fence.line}`, words })),
)

/** A shell block whole; of a transcript the lines that somebody typed. */
function scriptsOf({ language, text }: Fence): readonly string[] {
  if (SHELL.includes(language)) return [text.replaceAll(/^\$ /gm, '')]
  return [...text.matchAll(/^\$ (.+)$/gm)].map(([, line = '']) => line)
}

function problemOf(args: readonly string[]): string | undefined {
  const invocation = parseCommandLine(args)
  return invocation.kind === 'usage_error' ? invocation.message : undefined
}

describe('a command in the documentation', () => {
  it('of sidelight has a command and flags that exist', () => {
    const ours = shown.flatMap(({ where, words }) => {
      const args = sidelightArguments(words)
      return args === undefined ? [] : [{ where, args }]
    })
    const wrong = ours.flatMap(({ where, args }) => {
      const problem = problemOf(args)
      return problem === undefined ? [] : [`${where}: ${problem}`]
    })
    assert.deepEqual(wrong, [])
    assert.ok(ours.length > 20, `only ${ours.length} commands were found`)
  })

  it('of sidelight in a sentence has a command and flags that exist', () => {
    const wrong: string[] = []
    let found = 0
    for (const page of PAGES) {
      for (const [, code = ''] of proseOf(page).matchAll(/`(sidelight [^`]+)`/g)) {
        found += 1
        if (code === 'sidelight COMMAND') continue
        const [words = []] = shellCommands(code.replaceAll(/\s+/g, ' '))
        const problem = problemOf(words.slice(1))
        if (problem !== undefined) wrong.push(`${page}: ${code}: ${problem}`)
      }
    }
    assert.deepEqual(wrong, [])
    assert.ok(found > 20, `only ${found} were found`)
  })

  it('of sidelight in the configuration of a client has a command and flags that exist', () => {
    const wrong: string[] = []
    let found = 0
    for (const { page, line, text } of fences.filter(({ language }) => language === 'json')) {
      for (const args of serversOf(text)) {
        found += 1
        const problem = problemOf(args)
        if (problem !== undefined) wrong.push(`${page}:${line}: ${problem}`)
      }
    }
    assert.deepEqual(wrong, [])
    assert.ok(found > 1, `only ${found} were found`)
  })

  it('of npm names a script that exists', () => {
    const { scripts }: { scripts: Readonly<Record<string, string>> } = JSON.parse(
      readFileSync('package.json', 'utf8'),
    )
    const wrong = shown
      .filter(({ words }) => words[0] === 'npm' && words[1] === 'run')
      .filter(({ words }) => !Object.hasOwn(scripts, words[2] ?? ''))
    assert.deepEqual(wrong, [])
  })

  it('of the calculator has flags that it takes', () => {
    const ours = shown.filter(({ words }) => words.join(' ').startsWith('npm run capacity --'))
    const wrong = ours
      .map(({ words }) => readFleet(words.slice(4).filter((word) => word !== '--help')))
      .filter((fleet) => typeof fleet === 'string')
    assert.deepEqual(wrong, [])
    assert.ok(ours.length > 0)
  })

  it('that runs or copies a file of the repository names one that exists', () => {
    const wrong = shown.flatMap(({ where, words }) =>
      words
        .filter((word, index) => isOurs(word) && !(words[0] === 'cp' && index === words.length - 1))
        .filter((word) => !existsSync(word))
        .map((word) => `${where}: ${word}`),
    )
    assert.deepEqual(wrong, [])
  })

  it('that asks the admin listener asks for something that it serves', () => {
    const wrong: string[] = []
    let found = 0
    for (const { where, words } of shown.filter(({ words: all }) => all[0] === 'curl')) {
      for (const word of words) {
        const path = /^https?:\/\/(?:127\.0\.0\.1|localhost):9464([^?#]*)/.exec(word)?.[1]
        if (path === undefined) continue
        found += 1
        if (!isServed(path)) wrong.push(`${where}: ${path}`)
      }
    }
    assert.deepEqual(wrong, [])
    assert.ok(found > 5, `only ${found} were found`)
  })
})

/** A file of the repository, as far as its spelling tells. */
const isOurs = (word: string): boolean =>
  /^(src|test|scripts|bench|grafana|deploy|otel|examples)\/[\w./-]+\.\w+$/.test(word)

const PLAIN = /^\/(|metrics|healthz|livez|readyz|mcp|breakers(\/[^/]+)?|catalogue(\/[^/]+)?)$/

function isServed(path: string): boolean {
  if (PLAIN.test(path)) return true
  return [...API_ROUTES.map((route) => route.path), '/events', '/openapi.json'].some((route) =>
    new RegExp(`^/api/v1${route.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
  )
}

/** The arguments of each server that is started as `sidelight`. */
function serversOf(text: string): readonly (readonly string[])[] {
  const found: (readonly string[])[] = []
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    const { command, args } = value as { command?: unknown; args?: unknown }
    if (typeof command === 'string' && Array.isArray(args)) {
      const words = sidelightArguments([command.replace(/^.*\/node$/, 'node'), ...args.map(String)])
      if (words !== undefined) found.push(words)
    }
    for (const member of Object.values(value)) visit(member)
  }
  visit(JSON.parse(text))
  return found
}

describe('a shell block is read', () => {
  it('with its quotes, continued lines, comments, pipes and redirections', () => {
    assert.deepEqual(
      shellCommands(
        `A=1 sidelight run \\\n  --upstream 'http://x/?a=b&c' & # over there\ncurl -d '{\n "a": 1 }' > out.json | jq ".[0]" 2>&1\n`,
      ),
      [
        ['sidelight', 'run', '--upstream', 'http://x/?a=b&c'],
        ['curl', '-d', '{\n "a": 1 }'],
        ['jq', '.[0]'],
      ],
    )
  })

  it('for the arguments of sidelight, however it is started', () => {
    for (const line of [
      'sidelight top --once',
      'npx -y sidelight top --once',
      'npm run sidelight -- top --once',
      'kubectl exec deploy/agent -c sidelight -- sidelight top --once',
      'docker compose exec sidelight sidelight top --once',
      'docker run --rm example.org/sidelight:0.1.0 top --once',
    ]) {
      const [words = []] = shellCommands(line)
      const args = sidelightArguments(words)
      assert.deepEqual(args, ['top', '--once'], line)
    }
    assert.equal(sidelightArguments(['kubectl', 'logs', 'pod', '-c', 'sidelight']), undefined)
  })
})
