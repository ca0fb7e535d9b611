/**
 * A volume that changes as Kubernetes changes those of ConfigMaps, Secrets and projected tokens: a new
 * directory, and a link to it that is renamed over the one before.
 */

import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryDirectory } from './temporary-directory.ts'

export interface ProjectedVolume {
  /** Where a program finds a file of it, whatever version that is. */
  path(name: string): string
  /** Everything in it from now on, all at once. */
  put(files: Readonly<Record<string, string>>): Promise<void>
}

export async function projectedVolume(
  first: Readonly<Record<string, string>>,
): Promise<ProjectedVolume> {
  const root = await temporaryDirectory()
  const at = (name: string): string => join(root, name)
  let version = 0
  const put = async (files: Readonly<Record<string, string>>): Promise<void> => {
    const before = `..2026_11_30.${version}`
    version += 1
    const directory = `..2026_11_30.${version}`
    await mkdir(at(directory))
    for (const [name, text] of Object.entries(files))
      await writeFile(join(at(directory), name), text)
    await symlink(directory, at('..data_tmp'))
    await rename(at('..data_tmp'), at('..data'))
    await rm(at(before), { recursive: true, force: true })
  }
  await put(first)
  for (const name of Object.keys(first)) await symlink(join('..data', name), at(name))
  return { path: at, put }
}
