/**
 * Draws a terminal screen as SVG: plain text on standard input, the picture on standard output.
 * The picture in the README is made with it from what the demo shows on a terminal.
 */

import { readFileSync } from 'node:fs'

const CELL_WIDTH = 8.4
const LINE_HEIGHT = 18
const MARGIN = 16

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

const lines = readFileSync(0, 'utf8').trimEnd().split('\n')
const columns = Math.max(...lines.map((line) => line.length))
const width = Math.ceil(columns * CELL_WIDTH + 2 * MARGIN)
const height = lines.length * LINE_HEIGHT + 2 * MARGIN
const rows = lines.map((line, index) => {
  const y = MARGIN + (index + 0.75) * LINE_HEIGHT
  return `<text x="${MARGIN}" y="${y}" xml:space="preserve">${escapeXml(line)}</text>`
})
process.stdout
  .write(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<rect width="100%" height="100%" rx="8" fill="#12161c"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14" fill="#d5dbe3">
${rows.join('\n')}
</g>
</svg>
`)
