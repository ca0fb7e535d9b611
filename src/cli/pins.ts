/** The pin files of a configuration, and the stage that refuses what they do not accept. */

import type { Config } from '../config/schema.ts'
import type { Exchange } from '../core/exchange.ts'
import { reject, type Rejection } from '../core/outcome.ts'
import type { PinSource } from '../telemetry/catalogue.ts'
import { readPinFile } from '../telemetry/pin-file.ts'
import type { PinVerdict } from '../telemetry/pins.ts'

export interface PinsFailure {
  readonly kind: 'failed'
  readonly what: 'pins'
  /** The file's path. */
  readonly address: string
  /** The key in the configuration, and what is wrong with the file. */
  readonly code: string
}

/** Reads every pin file; one that cannot be used is a failed start. */
export function loadPins(config: Config): ReadonlyMap<string, PinSource> | PinsFailure {
  const sources = new Map<string, PinSource>()
  for (const [name, { pins }] of Object.entries(config.upstreams)) {
    if (pins === undefined) continue
    const { file, mode } = pins
    const read = readPinFile(file)
    if (read.kind === 'problem') {
      const code = `upstreams.${name}.pins.file: ${read.message}`
      return { kind: 'failed', what: 'pins', address: file, code }
    }
    sources.set(name, {
      file,
      mode,
      unpinned: pins.unpinned ?? (mode === 'block' ? 'block' : 'allow'),
      digests: read.digests,
      version: read.version,
    })
  }
  return sources
}

/** The stage: a look-up or two per tool call. */
export function createPinCheck(
  verdictOn: (upstream: string, tool: string) => PinVerdict | undefined,
): (exchange: Exchange) => Rejection | undefined {
  return ({ upstreamName, calls }) => {
    for (const { message } of calls) {
      if (message.method !== 'tools/call') continue
      const tool = message.target ?? ''
      const verdict = verdictOn(upstreamName, tool)
      if (verdict !== undefined) return refusalOf(verdict, tool)
    }
    return undefined
  }
}

function refusalOf(verdict: PinVerdict, tool: string): Rejection {
  const name = JSON.stringify(tool.slice(0, 64))
  switch (verdict) {
    case 'changed':
      return reject(
        'tool_changed',
        `the definition of the tool ${name} is not the one that its operator has approved`,
      )
    case 'unread':
      return reject(
        'tool_changed',
        `the list of tools could not be read, so it is not known whether ${name} is as its operator has approved it`,
      )
    case 'unpinned':
      return reject('tool_unpinned', `its operator has not approved the tool ${name}`)
  }
}
