/** The methods of MCP, and which member of `params` says what each is about. */

/** Every method of 2024-11-05 to 2026-07-28, and of the tasks extension. Bounds metric labels. */
export const KNOWN_METHODS: ReadonlySet<string> = new Set([
  'initialize',
  'notifications/initialized',
  'ping',
  'server/discover',
  'subscriptions/listen',
  'notifications/subscriptions/acknowledged',
  'tools/list',
  'tools/call',
  'notifications/tools/list_changed',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'notifications/resources/list_changed',
  'notifications/resources/updated',
  'prompts/list',
  'prompts/get',
  'notifications/prompts/list_changed',
  'logging/setLevel',
  'notifications/message',
  'notifications/progress',
  'notifications/cancelled',
  'sampling/createMessage',
  'completion/complete',
  'roots/list',
  'notifications/roots/list_changed',
  'elicitation/create',
  'notifications/elicitation/complete',
  'tasks/get',
  'tasks/result',
  'tasks/list',
  'tasks/cancel',
  'tasks/update',
  'notifications/tasks',
  'notifications/tasks/status',
])

/** What `params.name` names in this method, if anything. */
export function namesATool(method: string): boolean {
  return method === 'tools/call'
}

export function namesAPrompt(method: string): boolean {
  return method === 'prompts/get'
}

/** Methods whose result lists what can be named: tools, prompts. */
export function listsNames(method: string): boolean {
  return method === 'tools/list' || method === 'prompts/list'
}

/** Methods whose `params.uri` is `mcp.resource.uri` (OpenTelemetry MCP conventions). */
export function namesAResource(method: string): boolean {
  return (
    method === 'resources/read' ||
    method === 'resources/subscribe' ||
    method === 'resources/unsubscribe' ||
    method === 'notifications/resources/updated'
  )
}

/** A request that stays open for as long as its client listens; its duration is no latency. */
export function isLongLived(method: string): boolean {
  return method === 'subscriptions/listen'
}

/** Requests of 2026-07-28 whose `Mcp-Name` header repeats a member of `params` (SEP-2243). */
export function mirrorsAName(method: string): boolean {
  return (
    namesATool(method) ||
    namesAPrompt(method) ||
    method === 'resources/read' ||
    method.startsWith('tasks/')
  )
}
