/**
 * Prometheus, Alertmanager, their tools, Helm and kubectl, as `scripts/setup-test-tools.sh` provides them. Tests that
 * need one say loudly why they do not run where it is missing.
 */

import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

export type Tool =
  | 'promtool'
  | 'prometheus'
  | 'amtool'
  | 'prometheus-alertmanager'
  | 'helm'
  | 'kubectl'

/** Where the setup script unpacks what the system does not have. */
const UNPACKED = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'sidelight-test-tools/usr/bin',
)

/** Other systems name Alertmanager so. */
const OTHER_NAMES: Readonly<Partial<Record<Tool, string>>> = {
  'prometheus-alertmanager': 'alertmanager',
}

/** The program's path, or undefined when there is none. */
export function findTool(tool: Tool): string | undefined {
  const names = [tool, OTHER_NAMES[tool] ?? tool]
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), UNPACKED]
  return directories
    .flatMap((directory) => names.map((name) => join(directory, name)))
    .find(isExecutable)
}

/** For the option `skip` of a test: false, or why it cannot run. */
export function skipWithout(...tools: readonly Tool[]): string | false {
  const missing = tools.filter((tool) => findTool(tool) === undefined)
  if (missing.length > 0) {
    return `NOT TESTED: there is no ${missing.join(' and no ')}; scripts/setup-test-tools.sh installs it on Debian`
  }
  return tools.includes('prometheus-alertmanager') && !hasTemplates()
    ? 'NOT TESTED: Alertmanager lacks its default templates; run scripts/setup-test-tools.sh as root'
    : false
}

/** Debian's Alertmanager does not start without these files; others bring it in the program. */
const hasTemplates = (): boolean =>
  findTool('prometheus-alertmanager')?.endsWith('prometheus-alertmanager') !== true ||
  existsSync('/usr/share/prometheus/alertmanager/email.tmpl')

export interface Ran {
  readonly ok: boolean
  /** Both outputs. */
  readonly text: string
}

/** Runs a tool to its end. */
export function runTool(tool: Tool, args: readonly string[], cwd?: string): Ran {
  const { status, stdout, stderr } = spawnSync(findTool(tool) ?? tool, args, {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    ...(cwd === undefined ? {} : { cwd }),
  })
  return { ok: status === 0, text: `${stdout}${stderr}` }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
