/** The status page: its files out of memory, with a policy that lets it load nothing from elsewhere. */

import type { Context, Hono } from 'hono'
import type { AdminEnv } from './admin-gate.ts'
import { hasTag } from './api/answer.ts'
import { takesGzip } from './metrics-endpoint.ts'

export interface PageFile {
  readonly contentType: string
  readonly body: Buffer
  readonly gzipped: Buffer
  /** A strong validator, quotes included. */
  readonly etag: string
}

export interface PageFiles {
  /** Undefined for a path that is no file of the page. */
  find(path: string): Promise<PageFile | undefined>
}

/**
 * Scripts and styles are files of ours alone; text can become no script (Trusted Types: only the view
 * library's own templates are HTML), and nobody may put the page into a frame.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types lit-html',
].join('; ')

const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  // Files belong together: each is asked for again, and mostly answered 304.
  'Cache-Control': 'no-cache',
  Vary: 'Accept, Accept-Encoding',
}

/** `index` is what programs read at `/`. */
export function addStatusPage(app: Hono<AdminEnv>, files: PageFiles, index: string): void {
  app.get('/', async (c) => {
    const wantsPage = c.req.header('accept')?.includes('text/html') === true
    return wantsPage ? send(c, files, '/') : c.text(index, 200, { Vary: 'Accept' })
  })
  app.get('/ui/*', (c) => send(c, files, c.req.path))
}

async function send(c: Context<AdminEnv>, files: PageFiles, path: string): Promise<Response> {
  const file = await files.find(path)
  if (file === undefined) return c.text('There is no such file.\n', 404)
  const zipped = takesGzip(c.req.header('accept-encoding'))
  const etag = zipped ? file.etag.replace(/"$/, '-gzip"') : file.etag
  const headers = { ...HEADERS, ETag: etag }
  if (hasTag(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers)
  return c.body(new Uint8Array(zipped ? file.gzipped : file.body), 200, {
    ...headers,
    'Content-Type': file.contentType,
    ...(zipped ? { 'Content-Encoding': 'gzip' } : {}),
  })
}
