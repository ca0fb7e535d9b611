/**
 * Prepares the root of the image, inside of deploy/Dockerfile: installs the program, compiles it ahead of
 * its first start, and says what of the base image comes along, so that scanners find it.
 *
 *   node prepare.ts PACKAGE ROOT
 *
 * PACKAGE is what `npm run build` made. The program goes to PROGRAM, everything else below ROOT.
 */

import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { billOfImage } from './bill.ts'
import { debianPackagesOf, type DebianPackage } from './debian.ts'
import { warmUp } from './warm-up.ts'

/** The same here and in the image: what is compiled ahead is known by its path. */
const PROGRAM = '/opt/sidelight'

/** As in deploy/Dockerfile. */
const USER = { uid: 1000, gid: 1000 }

const [built = '', root = ''] = process.argv.slice(2)
if (root === '') throw new Error('usage: prepare.ts PACKAGE ROOT')

const installed = spawnSync(
  process.execPath,
  [path.join(built, 'lib/main.js'), 'install', PROGRAM],
  { stdio: 'inherit' },
)
if (installed.status !== 0) throw new Error('the program could not be installed')
await compileAhead()
const packages = debianPackagesOf(loadedLibraries())
for (const one of packages) declare(one)
const bill = readFileSync(path.join(built, 'sbom.cdx.json'), 'utf8')
write('usr/share/doc/sidelight/sbom.cdx.json', billOfImage(bill, process.version, packages))
write(
  'etc/passwd',
  `sidelight:x:${USER.uid}:${USER.gid}:Sidelight:/var/lib/sidelight:/sbin/nologin\n`,
)
write('etc/group', `sidelight:x:${USER.gid}:\n`)
// Names of the machine and of a pod are in /etc/hosts, all others are asked for.
write('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n')
if (existsSync('/etc/os-release')) write('etc/os-release', readFileSync('/etc/os-release', 'utf8'))

/** By the user who will run it; afterwards everybody may read it, and nobody change it. */
async function compileAhead(): Promise<void> {
  const cache = path.join(PROGRAM, 'package/cache')
  mkdirSync(cache)
  chownSync(cache, USER.uid, USER.gid)
  await warmUp(path.join(PROGRAM, 'sidelight'), USER)
  const files = [cache, ...globSync('**/*', { cwd: cache }).map((name) => path.join(cache, name))]
  let bytes = 0
  for (const file of files) {
    chownSync(file, 0, 0)
    const found = statSync(file)
    chmodSync(file, found.isDirectory() ? 0o755 : 0o644)
    if (found.isFile()) bytes += found.size
  }
  if (bytes === 0) throw new Error('nothing was compiled ahead')
  process.stdout.write(`compiled ahead: ${Math.ceil(bytes / 1000)} kB\n`)
}

function loadedLibraries(): readonly string[] {
  const found: unknown = process.report.getReport()
  if (typeof found !== 'object' || found === null || !('sharedObjects' in found)) return []
  return Array.isArray(found.sharedObjects) ? found.sharedObjects.map(String) : []
}

/** As in distroless images, where scanners look for it. */
function declare({ name, stanza, copyright }: DebianPackage): void {
  write(`var/lib/dpkg/status.d/${name}`, stanza)
  if (copyright !== undefined) write(`usr/share/doc/${name}/copyright`, copyright)
}

function write(file: string, text: string): void {
  const target = path.join(root, file)
  mkdirSync(path.dirname(target), { recursive: true })
  writeFileSync(target, text)
}
