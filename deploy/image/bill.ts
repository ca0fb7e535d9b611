/** The software bill of materials of the image: the package's own, Node, and what Debian's libraries are. */

import type { DebianPackage } from './debian.ts'

interface Bill {
  readonly components?: readonly unknown[]
}

/** `bill` is CycloneDX as JSON; `node` is a version such as `v26.10.0`. */
export function billOfImage(
  bill: string,
  node: string,
  packages: readonly DebianPackage[],
): string {
  const read: Bill = JSON.parse(bill)
  const version = node.replace(/^v/, '')
  const components = [
    ...(read.components ?? []),
    {
      'bom-ref': `node@${version}`,
      type: 'platform',
      name: 'node',
      version,
      purl: `pkg:generic/node@${version}`,
      licenses: [{ license: { id: 'MIT' } }],
    },
    ...packages.map(({ name, version: of, architecture }) => ({
      'bom-ref': `deb:${name}@${of}`,
      type: 'library',
      name,
      version: of,
      purl: `pkg:deb/debian/${name}@${encodeURIComponent(of)}?arch=${architecture}`,
    })),
  ]
  return `${JSON.stringify({ ...read, components }, null, 2)}\n`
}
