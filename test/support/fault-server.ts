#!/usr/bin/env node
/**
 * A server over standard streams that misbehaves on request: the name of the tool that is called
 * says how. It speaks every revision, needs no SDK, and so starts at once. With `FAULT_AT_START=silent`
 * in its environment it answers nothing, not even the handshake.
 */

import { spawn } from 'node:child_process'
import { closeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseJson } from './json.ts'

interface Message {
  readonly id?: number | string
  readonly method?: string
  readonly params?: {
    readonly protocolVersion?: string
    readonly name?: string
    readonly arguments?: Arguments
    readonly _meta?: { readonly progressToken?: number | string }
  }
}

interface Arguments {
  readonly bytes?: number
  readonly code?: number
  readonly key?: string
}

type Id = Message['id']

/** Methods of the messages that have come. */
const seen: string[] = []

/** Calls of `hold` that wait, by their key. */
const held = new Map<string, { readonly id: Id; readonly token: Id }>()

if (process.env['FAULT_AT_START'] === 'crash') process.exit(3)

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const message = parseJson<Message | Message[]>(line)
  for (const each of [message].flat()) take(each)
})
lines.on('close', () => process.exit(0))
process.stdout.on('error', () => {})

function take({ id, method = '', params = {} }: Message): void {
  seen.push(method)
  if (process.env['FAULT_AT_START'] === 'silent' || id === undefined) return
  if (method === 'initialize') {
    return result(id, {
      protocolVersion: params.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: 'fault', version: '1.0.0' },
    })
  }
  if (method !== 'tools/call') return result(id, {})
  const tool = TOOLS[params.name ?? '']
  if (tool === undefined) return say({ jsonrpc: '2.0', id, error: { code: -32602, message: '?' } })
  tool(id, params.arguments ?? {}, params._meta?.progressToken)
}

const TOOLS: Readonly<Record<string, (id: Id, args: Arguments, token: Id) => void>> = {
  pid: (id) => text(id, String(process.pid)),
  seen: (id) => text(id, seen.join(' ')),
  large: (id, { bytes = 0 }) => text(id, 'x'.repeat(bytes)),
  /** Answers never. */
  hang: () => {},
  /** Answers when `release` is called with the same key. */
  hold: (id, { key = '' }, token) => void held.set(key, { id, token }),
  /** Tells the call of `hold` with the same key how far it is. */
  tell: (id, { key = '' }) => {
    const params = { progressToken: held.get(key)?.token, progress: 1, message: key }
    say({ jsonrpc: '2.0', method: 'notifications/progress', params })
    text(id, 'told')
  },
  release: (id, { key = '' }) => {
    text(held.get(key)?.id, key)
    text(id, 'released')
  },
  /** Answers every call of `hold` and itself, in one line. */
  release_all: (id) => {
    const ids = [...[...held.values()].map((each) => each.id), id]
    const answers = ids.map((each) => answer(each, 'released').trimEnd())
    process.stdout.write(`[${answers.join(',')}]\n`)
  },
  /** Answers with an error that names nobody. */
  nameless: () => say({ jsonrpc: '2.0', id: null, error: { code: -32603, message: 'nameless' } }),
  exit: (_id, { code = 0 }) => process.exit(code),
  /** Ends, but what it has started holds its ends of the pipes for a while longer. */
  exit_before_child: () => {
    spawn('/bin/sh', ['-c', 'trap "" TERM; sleep 0.3'], { stdio: 'inherit' })
    process.exit(1)
  },
  close_stdin: (id) => {
    lines.removeAllListeners('close')
    lines.close()
    stay()
    process.stdin.destroy()
    // Node keeps the descriptors of standard streams open.
    setImmediate(() => {
      close(0)
      text(id, 'closing')
    })
  },
  close_stdout: (id) => {
    stay()
    process.stdout.write(answer(id, 'closing'), () => close(1))
  },
  stop_reading: (id) => {
    stay()
    lines.pause()
    text(id, 'stopped')
  },
}

/** It lives on, whatever becomes of its streams. */
function stay(): void {
  setInterval(() => {}, 60_000)
}

function close(descriptor: number): void {
  try {
    closeSync(descriptor)
  } catch {
    // It is closed already.
  }
}

function answer(id: Id, value: string): string {
  const content = [{ type: 'text', text: value }]
  return `${JSON.stringify({ jsonrpc: '2.0', id, result: { content } })}\n`
}

function text(id: Id, value: string): void {
  process.stdout.write(answer(id, value))
}

function result(id: Id, value: object): void {
  say({ jsonrpc: '2.0', id, result: value })
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
