/**
 * The examples as their readers use them: a copy of the folder, what it needs installed beside it, and
 * the commands of its README in a shell, on ports of the test's own.
 */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkedExports } from '../support/checked-collector.ts'
import { parseJson } from '../support/json.ts'
import type { OtlpSink } from '../support/otlp-sink.ts'
import type { OtlpSpan } from '../support/otlp-types.ts'
import { closeAfterTest } from '../support/scope.ts'
import { bounded, waitFor } from '../support/wait-for.ts'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const PACKAGES = path.join(ROOT, 'test/clients/node_modules')
const MAIN = path.join(ROOT, 'src/main.ts')

/** Loading several programs, npm's among them, on a busy machine. */
export const WITHIN = 60_000

/** What stands in the `sh` blocks of a page, in order. */
export function commandsOf(page: string): readonly string[] {
  const text = readFileSync(path.join(ROOT, page), 'utf8')
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) =>
    block
      .replaceAll('\\\n', ' ')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#')),
  )
}

/** Asserts that a page shows this output of a program, but for the trace and for ports. */
export function assertShown(page: string, output: string): void {
  const plain = (text: string): string =>
    text
      .replaceAll(/\b[0-9a-f]{32}\b/g, 'TRACE')
      .replaceAll(/127\.0\.0\.1:\d+/g, 'HOST')
      .trim()
  const text = readFileSync(path.join(ROOT, page), 'utf8')
  const shown = [...text.matchAll(/^```text\n([\s\S]*?)^```/gm)].map(([, block = '']) =>
    plain(block),
  )
  assert.ok(
    shown.includes(plain(output)),
    `${page} shows\n${shown.join('\nand\n')}\nand not\n${output}`,
  )
}

export interface Example {
  /** The copy of its folder. */
  readonly folder: string
  /** What its programs find in their environment, besides what a test adds. */
  readonly env: Readonly<Record<string, string>>
  /** Starts a command and leaves it running; it is ended with the test. */
  start(command: string, env?: Readonly<Record<string, string>>): Running
  /** Runs a command to its end, which has to be a good one, and returns its standard output. */
  run(command: string, env?: Readonly<Record<string, string>>): Promise<string>
  /** Starts a `sidelight run` on ports of its own, once it listens. */
  startSidelight(command: string, env?: Readonly<Record<string, string>>): Promise<Listening>
}

export interface Running {
  readonly stdout: string
  readonly stderr: string
  /** What the pattern finds in either output, as soon as it does. */
  find(pattern: RegExp): Promise<readonly string[]>
  /** As Ctrl-C; resolves when it has ended. */
  stop(): Promise<void>
  /** Resolves when it has ended by itself. */
  ended(): Promise<number | null>
}

export interface Listening extends Running {
  readonly dataUrl: string
  readonly adminUrl: string
}

/** A home directory, and an environment for what is run there; gone after the test. */
export async function newHome(): Promise<{
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
}> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sidelight-example-'))
  closeAfterTest(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))
  const env = {
    PATH: [path.dirname(process.execPath), process.env['PATH'] ?? ''].join(path.delimiter),
    HOME: folder,
    // What is not installed is not fetched.
    npm_config_offline: 'true',
    npm_config_update_notifier: 'false',
  }
  return { folder, env }
}

/** A copy of `examples/NAME`, with a home directory and `sidelight` on the path; gone after the test. */
export async function copyExample(name: string): Promise<Example> {
  const home = await newHome()
  const folder = path.join(home.folder, name)
  await cp(path.join(ROOT, 'examples', name), folder, {
    recursive: true,
    filter: (source) => path.basename(source) !== 'node_modules',
  })
  await symlink(PACKAGES, path.join(folder, 'node_modules'))
  const bin = path.join(home.folder, 'bin')
  await mkdir(bin)
  const program = path.join(bin, 'sidelight')
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`)
  await chmod(program, 0o755)
  const PATH = `${bin}${path.delimiter}${home.env['PATH'] ?? ''}`
  return inFolder(folder, { ...home.env, PATH })
}

/** Commands in a folder, with these variables. */
export function inFolder(folder: string, env: Readonly<Record<string, string>>): Example {
  const start: Example['start'] = (command, more = {}) => {
    const { running } = launch(command, folder, { ...env, ...more })
    return running
  }
  return {
    folder,
    env,
    start,
    run: async (command, more = {}) => {
      const running = start(command, more)
      assert.equal(await running.ended(), 0, `${command}: ${running.stdout}\n${running.stderr}`)
      return running.stdout
    },
    startSidelight: async (command, more = {}) => {
      assert.match(command, /^(npx )?sidelight run /)
      const own = `${command} --listen 127.0.0.1:0 --admin 127.0.0.1:0`
      const running = start(own, { ...checkedExports(), ...more })
      const [line = ''] = await running.find(/^.*"sidelight\.sidecar\.started".*$/m)
      const { attributes } = parseJson<{ attributes: Readonly<Record<string, string>> }>(line)
      return Object.assign(running, {
        dataUrl: attributes['sidelight.listen.data'] ?? '',
        adminUrl: attributes['sidelight.listen.admin'] ?? '',
      })
    },
  }
}

function launch(
  command: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
): { readonly running: Running } {
  // A group of its own, so that all that a command started ends with it.
  const child = spawn('/bin/sh', ['-c', command], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const texts = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (texts.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (texts.stderr += chunk.toString()))
  const closed = once(child, 'close')
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null
  const kill = (signal: NodeJS.Signals): void => {
    if (child.pid === undefined) return
    try {
      process.kill(-child.pid, signal)
    } catch {
      // The group is gone.
    }
  }
  closeAfterTest(async () => {
    kill('SIGKILL')
    await closed
  })
  const running: Running = {
    get stdout() {
      return texts.stdout
    },
    get stderr() {
      return texts.stderr
    },
    find: (pattern) =>
      waitFor(
        () => {
          const found = pattern.exec(`${texts.stdout}\n${texts.stderr}`)
          if (found === null && isOver()) {
            throw new Error(`${command} ended: ${texts.stdout}\n${texts.stderr}`)
          }
          return found ?? undefined
        },
        { within: WITHIN, what: () => `${pattern} of ${command}: ${texts.stdout}${texts.stderr}` },
      ),
    stop: async () => {
      kill('SIGINT')
      await bounded(closed, { within: WITHIN, what: `the end of ${command}` })
    },
    ended: async () => {
      await bounded(closed, { within: WITHIN, what: `the end of ${command}` })
      return child.exitCode
    },
  }
  return { running }
}

/** Waits for so many spans that match, for as long as programs may take. */
export function spansAt(
  sink: OtlpSink,
  count: number,
  matches: (span: OtlpSpan) => boolean,
): Promise<readonly OtlpSpan[]> {
  return waitFor(
    () => {
      const found = sink.spans.filter(matches)
      return found.length >= count && found
    },
    {
      within: WITHIN,
      what: () => `${count} spans among ${sink.spans.map(({ name }) => name).join(', ')}`,
    },
  )
}
