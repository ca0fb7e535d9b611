/** Requests to the sidecar that serves this page. A token, where one is needed, lives in this tab alone. */

const TOKEN_KEY = 'sidelight.token'

export class ApiError extends Error {
  /**
   * @param {number} status 0 when nothing answered
   * @param {string} detail
   */
  constructor(status, detail) {
    super(detail)
    this.status = status
  }
}

/** @returns {Record<string, string>} */
export function credentials() {
  const token = sessionStorage.getItem(TOKEN_KEY)
  return token === null ? {} : { Authorization: `Bearer ${token}` }
}

/** @param {string} token */
export function signIn(token) {
  if (token === '') sessionStorage.removeItem(TOKEN_KEY)
  else sessionStorage.setItem(TOKEN_KEY, token)
}

/**
 * @param {string} path
 * @returns {Promise<any>} the JSON value; throws ApiError
 */
export async function get(path) {
  // The browser asks with the ETag of what it has, and gives that back at 304.
  return read(await send(path, { cache: 'no-cache', headers: credentials() }))
}

/**
 * @param {string} path
 * @param {object} body
 * @returns {Promise<any>}
 */
export async function post(path, body) {
  const headers = { ...credentials(), 'Content-Type': 'application/json' }
  return read(await send(path, { method: 'POST', headers, body: JSON.stringify(body) }))
}

/**
 * @param {string} path
 * @param {RequestInit} init
 */
async function send(path, init) {
  try {
    return await fetch(path, init)
  } catch {
    throw new ApiError(0, 'The sidecar does not answer')
  }
}

/** @param {Response} response */
async function read(response) {
  const body = await response.json().catch(() => undefined)
  if (response.ok) return body
  throw new ApiError(response.status, body?.detail ?? `The sidecar answered ${response.status}`)
}
