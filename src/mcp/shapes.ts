/** The members of requests and replies that the sidecar reads, and nothing else. */

import { compileShape, type ShapeNode } from './json-shape.ts'

export const META_PROTOCOL_VERSION = 'io.modelcontextprotocol/protocolVersion'

/** Where each member of a client's message is reported. */
export const REQUEST = {
  message: 0,
  jsonrpc: 1,
  id: 2,
  method: 3,
  params: 4,
  name: 5,
  uri: 6,
  taskId: 7,
  initializeVersion: 8,
  task: 9,
  meta: 10,
  traceparent: 11,
  tracestate: 12,
  progressToken: 13,
  metaVersion: 14,
  requestId: 15,
  result: 16,
  error: 17,
  args: 18,
  cursor: 19,
  errorCode: 20,
  errorMessage: 21,
  baggage: 22,
} as const

/** Longest id, method and target name that are read, in bytes of JSON text. */
export const ID_BYTES_MAX = 1024
export const NAME_BYTES_MAX = 1024

/** Longest cursor of a list that is read, in bytes of JSON text. */
export const CURSOR_BYTES_MAX = 1024

/** Longest message of an error that is looked at. */
const ERROR_MESSAGE_BYTES_MAX = 16_384

export const REQUEST_SHAPE = compileShape({
  slot: REQUEST.message,
  members: {
    jsonrpc: { slot: REQUEST.jsonrpc, bytesMax: 16 },
    id: { slot: REQUEST.id, bytesMax: ID_BYTES_MAX },
    method: { slot: REQUEST.method, bytesMax: NAME_BYTES_MAX },
    params: {
      slot: REQUEST.params,
      members: {
        name: { slot: REQUEST.name, bytesMax: NAME_BYTES_MAX },
        uri: { slot: REQUEST.uri, bytesMax: 4096 },
        arguments: { slot: REQUEST.args },
        cursor: { slot: REQUEST.cursor, bytesMax: CURSOR_BYTES_MAX },
        taskId: { slot: REQUEST.taskId, bytesMax: NAME_BYTES_MAX },
        protocolVersion: { slot: REQUEST.initializeVersion, bytesMax: 64 },
        task: { slot: REQUEST.task },
        requestId: { slot: REQUEST.requestId, bytesMax: ID_BYTES_MAX },
        _meta: {
          slot: REQUEST.meta,
          members: {
            traceparent: { slot: REQUEST.traceparent, bytesMax: 512 },
            tracestate: { slot: REQUEST.tracestate, bytesMax: 2048 },
            baggage: { slot: REQUEST.baggage, bytesMax: 16_384 },
            progressToken: { slot: REQUEST.progressToken, bytesMax: 1024 },
            [META_PROTOCOL_VERSION]: { slot: REQUEST.metaVersion, bytesMax: 64 },
          },
        },
      },
    },
    result: { slot: REQUEST.result },
    error: {
      slot: REQUEST.error,
      members: {
        code: { slot: REQUEST.errorCode, bytesMax: 32 },
        message: { slot: REQUEST.errorMessage, bytesMax: ERROR_MESSAGE_BYTES_MAX },
      },
    },
  },
})

/** The objects of a request whose members say what it asks for. */
export const DECISIVE: readonly ShapeNode[] = [
  REQUEST_SHAPE,
  ...[REQUEST_SHAPE.members?.get('params')].filter((node) => node !== undefined),
]

/** Where each member of an upstream's message is reported. */
export const REPLY = {
  message: 0,
  id: 1,
  method: 2,
  result: 3,
  isError: 4,
  resultType: 5,
  task: 6,
  error: 7,
  errorCode: 8,
  errorMessage: 9,
  traceparent: 10,
  tracestate: 11,
  requestId: 12,
} as const

export const REPLY_SHAPE = compileShape({
  slot: REPLY.message,
  members: {
    id: { slot: REPLY.id, bytesMax: ID_BYTES_MAX },
    method: { slot: REPLY.method, bytesMax: NAME_BYTES_MAX },
    params: {
      members: {
        requestId: { slot: REPLY.requestId, bytesMax: ID_BYTES_MAX },
        _meta: {
          members: {
            traceparent: { slot: REPLY.traceparent, bytesMax: 512 },
            tracestate: { slot: REPLY.tracestate, bytesMax: 2048 },
          },
        },
      },
    },
    result: {
      slot: REPLY.result,
      members: {
        isError: { slot: REPLY.isError },
        resultType: { slot: REPLY.resultType, bytesMax: 64 },
        task: { slot: REPLY.task },
      },
    },
    error: {
      slot: REPLY.error,
      members: {
        code: { slot: REPLY.errorCode, bytesMax: 32 },
        message: { slot: REPLY.errorMessage, bytesMax: ERROR_MESSAGE_BYTES_MAX },
      },
    },
  },
})
