/** The content types of replies of MCP, which are nearly always spelled as usual. */

const JSON_TYPE = 'application/json'
const EVENT_STREAM = 'text/event-stream'

/** JSON, or a type that says in its suffix that it is, with or without parameters. */
export function isJson(contentType: string | undefined): boolean {
  if (contentType === JSON_TYPE) return true
  if (contentType === undefined || contentType === EVENT_STREAM) return false
  return /^\s*application\/([\w.-]+\+)?json\s*(;|$)/i.test(contentType)
}

export function isEventStream(contentType: string | undefined): boolean {
  if (contentType === EVENT_STREAM) return true
  if (contentType === undefined || contentType === JSON_TYPE) return false
  return /^\s*text\/event-stream\s*(;|$)/i.test(contentType)
}
