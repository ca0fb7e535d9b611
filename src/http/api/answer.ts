/** Sends JSON with an entity tag, and 304 to those who have it already (RFC 9110 §13). */

import { hash } from 'node:crypto'
import type { Context } from 'hono'
import type { AdminEnv } from '../admin-gate.ts'
import { PROBLEM_TYPE, toProblem, type Refusal } from './problem.ts'

const JSON_TYPE = 'application/json; charset=utf-8'

export function sendJson(c: Context<AdminEnv>, text: string, type = JSON_TYPE): Response {
  const etag = `"${hash('sha256', text, 'base64url').slice(0, 22)}"`
  // The browser keeps it, and asks each time whether it still holds.
  const headers = { 'Content-Type': type, 'Cache-Control': 'no-cache', ETag: etag }
  if (hasTag(c.req.header('if-none-match'), etag)) {
    return c.body(null, 304, { 'Cache-Control': 'no-cache', ETag: etag })
  }
  return c.body(text, 200, headers)
}

export function hasTag(header: string | undefined, etag: string): boolean {
  return (header ?? '')
    .split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''))
    .some((tag) => tag === etag || tag === '*')
}

export function sendProblem(c: Context<AdminEnv>, refusal: Refusal): Response {
  return c.body(`${JSON.stringify(toProblem(refusal))}\n`, refusal.status, {
    'Content-Type': PROBLEM_TYPE,
    'Cache-Control': 'no-store',
  })
}
