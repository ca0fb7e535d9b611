import { readFile } from 'node:fs/promises'

/** The file's text, or what is wrong with the file. */
export async function readConfigFile(
  file: string,
): Promise<{ readonly source: string } | { readonly kind: 'failed'; readonly message: string }> {
  try {
    return { source: await readFile(file, 'utf8') }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`
    return { kind: 'failed', message: `${file}: ${why}` }
  }
}
