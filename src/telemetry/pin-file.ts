/**
 * Pin files: which definitions of tools are accepted, as JSON.
 *
 * `{ "version": 1, "tools": { "add": "sha256:…", "search": ["sha256:…", "sha256:…"] } }`
 */

import { readFileSync, statSync } from 'node:fs'
import type { PinnedDigests } from './pins.ts'

export interface PinFileProblem {
  readonly kind: 'problem'
  /** Where, and what was expected. Never holds the file's content but names of tools. */
  readonly message: string
}

export interface PinFile {
  readonly kind: 'pins'
  readonly digests: PinnedDigests
  /** Tells one version of the file from another. */
  readonly version: string
}

/** Larger files are a mistake: 512 tools take about 50 KiB. */
const FILE_BYTES_MAX = 1024 * 1024

const DIGEST = /^sha256:[0-9a-f]{64}$/

const EXPECTED_DIGEST = 'expected a digest such as "sha256:" and 64 hex digits, or a list of them'

/** Reads the file at once; small files on a local disk, at the start and when they change. */
export function readPinFile(file: string): PinFile | PinFileProblem {
  const version = versionOf(file)
  if (typeof version !== 'string') return version
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    return problem(`cannot be read (${codeOf(error)})`)
  }
  if (text.length > FILE_BYTES_MAX) return problem('expected a file of at most 1 MiB')
  const digests = parsePins(text)
  return 'kind' in digests ? digests : { kind: 'pins', digests, version }
}

/** What tells this version of the file from another, without reading it. */
export function versionOf(file: string): string | PinFileProblem {
  try {
    const { ino, mtimeMs, size } = statSync(file)
    return `${ino} ${mtimeMs} ${size}`
  } catch (error) {
    return problem(`cannot be read (${codeOf(error)})`)
  }
}

export function parsePins(text: string): PinnedDigests | PinFileProblem {
  const value = parse(text)
  if (!isRecord(value)) return problem('expected a JSON object with "version" and "tools"')
  const unknown = Object.keys(value).find((key) => key !== 'version' && key !== 'tools')
  if (unknown !== undefined) return problem(`unknown key ${JSON.stringify(unknown.slice(0, 64))}`)
  if (value['version'] !== 1) return problem('version: expected 1')
  const tools = value['tools']
  if (!isRecord(tools)) return problem('tools: expected an object of digests by name of tool')
  const pins = new Map<string, ReadonlySet<string>>()
  for (const [name, given] of Object.entries(tools)) {
    const digests = (Array.isArray(given) ? given : [given]).filter(isDigest)
    const all = Array.isArray(given) ? given.length : 1
    if (digests.length === 0 || digests.length !== all) {
      return problem(`tools.${JSON.stringify(name.slice(0, 128))}: ${EXPECTED_DIGEST}`)
    }
    pins.set(name, new Set(digests))
  }
  return pins
}

function isDigest(value: unknown): value is string {
  return typeof value === 'string' && DIGEST.test(value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}

function problem(message: string): PinFileProblem {
  return { kind: 'problem', message }
}
