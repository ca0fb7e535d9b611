/** What a message asks for, as authorization sees it: read from the body alone, never from headers. */

import type { Message } from '../core/message.ts'
import type { Operation } from '../core/operation.ts'
import { foldMember, readUnambiguous } from '../core/unambiguous-json.ts'
import { member } from './json-member.ts'
import { namesAPrompt, namesAResource, namesATool } from './methods.ts'

/**
 * Methods that whoever may do anything at an upstream may use, because a client cannot do without them
 * or because they are decided by what they name. Every other method needs a rule of its own.
 */
export const PROTOCOL_METHODS: ReadonlyMap<string, string> = new Map([
  ['initialize', 'begins a session'],
  ['notifications/initialized', 'begins a session'],
  ['server/discover', 'asks what the server can do'],
  ['ping', 'asks whether the server is there'],
  ['notifications/cancelled', 'takes back a request of the same client'],
  ['notifications/progress', 'answers a request of the server'],
  ['notifications/roots/list_changed', 'says that the client’s roots have changed'],
  ['logging/setLevel', 'says which messages the client wants'],
  ['tools/list', 'its result is filtered'],
  ['prompts/list', 'its result is filtered'],
  ['resources/list', 'its result is filtered'],
  ['resources/templates/list', 'its result is filtered'],
  ['completion/complete', 'needs the prompt or resource that it is about'],
  ['subscriptions/listen', 'needs the resources that it names'],
])

/** Methods whose results list what may be called, read or asked for. */
const LISTS: ReadonlySet<string> = new Set([
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
])

export function isList(method: string): boolean {
  return LISTS.has(method)
}

/** A message of these is read as a whole, so it must be small. */
const WHOLE_MAX = { charsMax: 64 * 1024, depthMax: 32, entriesMax: 1_000 }

/** Everything that has to be allowed for the message to pass; nothing for a client's responses. */
export function operationsOf(
  message: Message,
  body: Buffer,
  batchIndex: number | undefined,
): readonly Operation[] {
  const { kind, method, target, resourceUri } = message
  if (kind === 'response') return []
  if (namesATool(method)) return [{ kind: 'tool', name: target, protocol: false }]
  if (namesAPrompt(method)) return [{ kind: 'prompt', name: target, protocol: false }]
  if (namesAResource(method)) return [{ kind: 'resource', name: resourceUri, protocol: false }]
  const own: Operation = { kind: 'method', name: method, protocol: PROTOCOL_METHODS.has(method) }
  if (method === 'completion/complete') return [own, ...completed(paramsOf(body, batchIndex))]
  if (method === 'subscriptions/listen') return [own, ...listened(paramsOf(body, batchIndex))]
  return [own]
}

/** The text of the arguments that a prompt or a tool is called with; `{}` when there are none. */
export function argumentsText(
  { method, args }: Message,
  body: Buffer,
  batchIndex: number | undefined,
  charsMax: number,
): string | undefined {
  if (namesAPrompt(method))
    return JSON.stringify(member(paramsOf(body, batchIndex), 'arguments') ?? {})
  if (args === undefined) return '{}'
  return args.end - args.start > charsMax ? undefined : body.toString('utf8', args.start, args.end)
}

/** Undefined when the message is too large to be read whole, or ambiguous. */
function paramsOf(body: Buffer, batchIndex: number | undefined): unknown {
  if (body.length > WHOLE_MAX.charsMax) return undefined
  const value = readUnambiguous(body.toString('utf8'), WHOLE_MAX)
  return member(batchIndex === undefined ? value : member(value, String(batchIndex)), 'params')
}

/** 2025-11-25 "Completion": a reference to a prompt by its name, or to a template of resources by its text. */
function completed(params: unknown): readonly Operation[] {
  const reference = member(params, 'ref')
  if (!isPlain(reference, REFERENCE)) return UNREADABLE_REFERENCE
  switch (member(reference, 'type')) {
    case 'ref/prompt':
      return [{ kind: 'prompt', name: textOf(member(reference, 'name')), protocol: false }]
    case 'ref/resource':
      return [{ kind: 'resource', name: textOf(member(reference, 'uri')), protocol: false }]
    default:
      return UNREADABLE_REFERENCE
  }
}

/** 2026-07-28 "Subscriptions": the resources of which a client wants to be told. */
function listened(params: unknown): readonly Operation[] {
  const wanted = member(params, 'notifications')
  if (params === undefined || !isPlain(params, ['notifications'])) return [UNREADABLE]
  if (!isPlain(wanted, ['resourceSubscriptions'])) return [UNREADABLE]
  const uris = member(wanted, 'resourceSubscriptions')
  if (uris === undefined) return []
  if (!Array.isArray(uris)) return [UNREADABLE]
  return uris.map((uri) => ({ kind: 'resource', name: textOf(uri), protocol: false }))
}

const UNREADABLE: Operation = { kind: 'resource', name: undefined, protocol: false }

const REFERENCE = ['type', 'name', 'uri']

/** It may be either. */
const UNREADABLE_REFERENCE: readonly Operation[] = [
  UNREADABLE,
  { kind: 'prompt', name: undefined, protocol: false },
]

/** False when a member is one of `names` but for its case: some servers would read it (`unambiguous-json.ts`). */
function isPlain(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return true
  const folded = new Set(names.map((name) => foldMember(name)))
  return Object.keys(value).every((key) => names.includes(key) || !folded.has(foldMember(key)))
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
