/** Small charts as SVG that read well on light and on dark pages. */

export interface Bar {
  readonly label: string
  /** One value per series, from the left. */
  readonly values: readonly number[]
  /** What stands behind it; without, nothing does. */
  readonly text: string
  /** True: it is what the chart is about. */
  readonly ours: boolean
}

export interface Line {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

const WIDTH = 720
const LABEL_WIDTH = 190
const TEXT_WIDTH = 130
const ROW = 26
const BAR = 16
const TOP = 44
const GAP = 16

const STYLE = `<style>
text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1f2328}
.title{font-weight:600;font-size:14px}.note{fill:#59636e}
.ours{fill:#0969da}.ours2{fill:#80ccff}.other{fill:#8c959f}.other2{fill:#d1d9e0}
.line1{fill:none;stroke:#0969da;stroke-width:1.5}.line2{fill:none;stroke:#bf3989;stroke-width:1.5}
.key1{fill:#0969da}.key2{fill:#bf3989}.axis{stroke:#d1d9e0}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.note{fill:#9198a1}
.ours{fill:#4493f8}.ours2{fill:#1f4b85}.other{fill:#6e7681}.other2{fill:#3d444d}
.line1{stroke:#4493f8}.line2{stroke:#db61a2}.key1{fill:#4493f8}.key2{fill:#db61a2}.axis{stroke:#3d444d}}
</style>`

/** Bars from the top; parts of one bar stand behind each other. */
export function barChart(title: string, note: string, bars: readonly Bar[]): string {
  const most = Math.max(...bars.map(({ values }) => sumOf(values)), Number.MIN_VALUE)
  const scale = (WIDTH - LABEL_WIDTH - TEXT_WIDTH) / most
  const rows = bars.map((bar, row) => {
    const y = TOP + row * ROW
    let x = LABEL_WIDTH
    const rects = bar.values.map((value, part) => {
      const width = Math.max(1, value * scale)
      const rect = `<rect class="${bar.ours ? 'ours' : 'other'}${part === 0 ? '' : '2'}" x="${fixed(x)}" y="${y}" width="${fixed(width)}" height="${BAR}"/>`
      x += width
      return rect
    })
    return [
      `<text x="${LABEL_WIDTH - 8}" y="${y + 12}" text-anchor="end">${escape(bar.label)}</text>`,
      ...rects,
      `<text x="${fixed(x + 6)}" y="${y + 12}">${escape(bar.text)}</text>`,
    ].join('')
  })
  return svg(title, note, TOP + bars.length * ROW + GAP, rows)
}

/** Lines over time; the axis of values begins at 0. */
export function lineChart(
  title: string,
  note: string,
  lines: readonly Line[],
  [unitX, unitY]: readonly [x: string, y: string],
): string {
  const points = lines.flatMap((line) => line.points)
  const mostX = Math.max(...points.map(([x]) => x), 1)
  const mostY = Math.max(...points.map(([, y]) => y), 1) * 1.1
  const [left, height] = [48, 200]
  const right = WIDTH - 110
  const at = ([x, y]: readonly [number, number]): string =>
    `${fixed(left + (x / mostX) * (right - left))},${fixed(TOP + height - (y / mostY) * height)}`
  const parts = lines.map(({ name, points: own }, number) => {
    const last = own.at(-1) ?? [0, 0]
    const [, y = '0'] = at(last).split(',')
    return `<polyline class="line${number + 1}" points="${own.map(at).join(' ')}"/><text class="key${number + 1}" x="${right + 6}" y="${Number(y) + 4}">${escape(name)}</text>`
  })
  const axis = [0, 0.5, 1].map((share) => {
    const value = (mostY / 1.1) * share
    const y = TOP + height - (value / mostY) * height
    return `<line class="axis" x1="${left}" x2="${right}" y1="${fixed(y)}" y2="${fixed(y)}"/><text class="note" x="${left - 6}" y="${fixed(y + 4)}" text-anchor="end">${value.toFixed(0)}</text>`
  })
  const foot = TOP + height + 18
  const ends = `<text class="note" x="${left}" y="${foot}">0</text><text class="note" x="${right}" y="${foot}" text-anchor="end">${mostX.toFixed(0)} ${escape(unitX)}</text>`
  return svg(title, `${note} (${unitY})`, foot + GAP, [...axis, ...parts, ends])
}

function svg(title: string, note: string, height: number, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escape(title)}">`,
    `<title>${escape(title)}</title>`,
    STYLE,
    `<text class="title" x="0" y="16">${escape(title)}</text><text class="note" x="0" y="33">${escape(note)}</text>`,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function fixed(value: number): string {
  return value.toFixed(1)
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
