/**
 * `sidelight install`: copies the program, the Node that runs it and the libraries of both into a directory.
 *
 * An init container does that into a volume, so that the image of an agent, which has neither, can start its
 * stdio servers behind `sidelight wrap`.
 */

import { randomBytes } from 'node:crypto'
import { chmod, copyFile, mkdir, readdir, realpath, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { EXIT, type CommandContext, type ProgramFiles } from './command.ts'
import type { FlagValues } from './flags.ts'
import { createLauncher, LAUNCHER_PROCESSORS } from './install/launcher.ts'

/** Resolves to the exit code. Files that are there already are replaced one by one, and never seen half written. */
export async function installCommand(
  flags: FlagValues,
  [directory]: readonly string[],
  context: CommandContext,
): Promise<number> {
  const problem = findProblem(directory, flags)
  if (directory === undefined || problem !== undefined) {
    context.err(`sidelight install: ${problem}\n`)
    return EXIT.usage
  }
  const files = context.program()
  const obstacle = findObstacle(files)
  if (obstacle !== undefined) {
    context.err(`sidelight install: ${obstacle}\n`)
    return EXIT.failed
  }
  const target = path.resolve(directory)
  const at = typeof flags['at'] === 'string' ? flags['at'] : target
  try {
    await install(files, target, at)
  } catch (error) {
    context.err(`sidelight install: ${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT.failed
  }
  context.out(`sidelight ${context.version} is in ${target}: start ${path.join(at, 'sidelight')}\n`)
  return EXIT.ok
}

function findProblem(directory: string | undefined, { at }: FlagValues): string | undefined {
  if (directory === undefined || directory === '')
    return 'name the directory to copy to: sidelight install DIR'
  if (typeof at === 'string' && !path.isAbsolute(at)) return '--at: expected an absolute path'
  return undefined
}

function findObstacle(files: ProgramFiles): string | undefined {
  const { platform, processor, script } = files
  if (!script.endsWith('.js')) return 'only the published package can be copied: npm run build'
  if (platform !== 'linux' || !LAUNCHER_PROCESSORS.includes(processor)) {
    return `only for Linux on ${LAUNCHER_PROCESSORS.join(' and ')}; this is ${platform} on ${processor}`
  }
  if (!isCopy(files) && loaderOf(files) === undefined) {
    return 'this Node has no loader of shared libraries that could be copied'
  }
  return undefined
}

/** Processes are called by the name of the file that was started, which is the loader's. */
const LOADER = 'sidelight'

/** Whether it was installed itself: what runs is the loader, and all else is beside it. */
const isCopy = ({ node }: ProgramFiles): boolean => path.basename(node) === LOADER

const loaderOf = ({ libraries }: ProgramFiles): string | undefined =>
  libraries.find((file) => /^ld-.*\.so/.test(path.basename(file)))

/** Name in `runtime/` → the file that it is a copy of. */
async function runtimeOf(files: ProgramFiles): Promise<ReadonlyMap<string, string>> {
  if (isCopy(files)) {
    const runtime = path.dirname(files.node)
    const names = await readdir(runtime)
    return new Map(names.map((name) => [name, path.join(runtime, name)]))
  }
  const loader = loaderOf(files)
  const libraries = files.libraries.filter((file) => path.isAbsolute(file))
  return new Map([
    ['node', files.node],
    ...libraries.map((file) => [file === loader ? LOADER : path.basename(file), file] as const),
  ])
}

/** Copies to `target` what will be started at `at`. The launcher comes last: when it is there, all is. */
async function install(files: ProgramFiles, target: string, at: string): Promise<void> {
  const runtime = path.join(target, 'runtime')
  await makeDirectory(target)
  await makeDirectory(runtime)
  for (const [name, file] of await runtimeOf(files)) {
    await copy(await realpath(file), path.join(runtime, name), EXECUTABLE)
  }
  await copyTree(files.package, path.join(target, 'package'))
  const launcher = createLauncher(files.processor, {
    loader: path.join(at, 'runtime', LOADER),
    libraries: path.join(at, 'runtime'),
    node: path.join(at, 'runtime/node'),
    script: path.join(at, 'package', path.relative(files.package, files.script)),
  })
  await replace(path.join(target, 'sidelight'), EXECUTABLE, (file) =>
    writeFile(file, launcher ?? ''),
  )
}

/** Open to whoever runs it, whatever the umask; one that is there already stays as it is. */
async function makeDirectory(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true })
  if (made !== undefined) await chmod(directory, EXECUTABLE)
}

async function copyTree(from: string, to: string): Promise<void> {
  await makeDirectory(to)
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)]
    if (entry.isDirectory()) await copyTree(source, target)
    else await copy(source, target, READABLE)
  }
}

/** The agent may run as anybody. */
const EXECUTABLE = 0o755
const READABLE = 0o644

const copy = (from: string, to: string, mode: number): Promise<void> =>
  replace(to, mode, (file) => copyFile(from, file))

/** A file that runs cannot be written to, and what is half written must not be started. */
async function replace(
  file: string,
  mode: number,
  write: (file: string) => Promise<void>,
): Promise<void> {
  const fresh = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await write(fresh)
    await chmod(fresh, mode)
    await rename(fresh, file)
  } catch (error) {
    await rm(fresh, { force: true })
    throw error
  }
}
