/** The package.json of what is published. */

const KEPT = ['name', 'version', 'description', 'keywords', 'license', 'type', 'engines'] as const

/** From the project's own: nothing to install but the demo's packages, for those who want them. */
export function publishedManifest(project: unknown): string {
  if (typeof project !== 'object' || project === null) throw new Error('package.json is no object')
  const fields = new Map(Object.entries(project))
  const optional: unknown = fields.get('optionalDependencies')
  if (typeof optional !== 'object' || optional === null) {
    throw new Error('package.json has no optionalDependencies')
  }
  const demo = Object.keys(optional)
  const manifest = {
    ...Object.fromEntries(KEPT.map((name) => [name, fields.get(name)])),
    bin: { sidelight: 'lib/main.js' },
    peerDependencies: optional,
    peerDependenciesMeta: Object.fromEntries(demo.map((name) => [name, { optional: true }])),
  }
  return `${JSON.stringify(manifest, null, 2)}\n`
}
