/** The packages that shared libraries belong to, as this image's own `dpkg` knows them. */

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'

export interface DebianPackage {
  readonly name: string
  readonly version: string
  readonly architecture: string
  /** Its part of dpkg's status file. */
  readonly stanza: string
  /** Its licences; undefined when the image was made without. */
  readonly copyright: string | undefined
}

/** Throws when a library belongs to nobody; empty in an image without `dpkg`. */
export function debianPackagesOf(libraries: readonly string[]): readonly DebianPackage[] {
  const files = libraries.filter((file) => file.startsWith('/'))
  if (!existsSync('/var/lib/dpkg')) return []
  const owners = new Set(files.map(ownerOf))
  return [...owners].toSorted().map(describe)
}

/** `/lib` may be a link to `/usr/lib`, and dpkg knows a file by the name that it was unpacked with. */
function ownerOf(file: string): string {
  const real = realpathSync(file)
  for (const name of [file, real, real.replace(/^\/usr/, ''), `/usr${file}`]) {
    const { stdout, status } = spawnSync('dpkg-query', ['--search', name], { encoding: 'utf8' })
    const owner = /^([^\s:,]+(?::\w+)?): /.exec(stdout)?.[1]
    if (status === 0 && owner !== undefined) return owner
  }
  throw new Error(`${file} belongs to no package`)
}

function describe(owner: string): DebianPackage {
  const { stdout, status } = spawnSync('dpkg-query', ['--status', owner], { encoding: 'utf8' })
  const field = (name: string): string => new RegExp(`^${name}: (.+)$`, 'm').exec(stdout)?.[1] ?? ''
  const name = field('Package')
  if (status !== 0 || name === '') throw new Error(`dpkg does not know ${owner}`)
  const copyright = `/usr/share/doc/${name}/copyright`
  return {
    name,
    version: field('Version'),
    architecture: field('Architecture'),
    stanza: stdout,
    copyright: existsSync(copyright) ? readFileSync(copyright, 'utf8') : undefined,
  }
}
