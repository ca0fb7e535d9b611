/** The table of a recorded run of `npm run bench:startup`. */

import { readFileSync } from 'node:fs'
import { newestResult } from '../bench/newest-result.ts'
import { table } from './markdown.ts'

interface Figure {
  readonly q1: number
  readonly median: number
  readonly q3: number
}

interface Way {
  readonly way: string
  readonly wallMs: Figure
  readonly cpuMs: Figure
  readonly rssMb: Figure
  readonly idleMb: Figure
  readonly privateMb: Figure
  readonly scrapedMb: Figure
}

interface Result {
  readonly machine: { readonly node: string; readonly commit: string; readonly cores: number }
  readonly load: { readonly before: { readonly oneMinute: number } }
  readonly rounds: number
  readonly bytes: { readonly code: number; readonly page: number }
  readonly results: readonly Way[]
}

export function startupTable(): string {
  const file = newestResult('startup')
  if (file === undefined) throw new Error('there is no recorded run of npm run bench:startup')
  const { machine, load, rounds, bytes, results }: Result = JSON.parse(readFileSync(file, 'utf8'))
  const name = file.slice(file.lastIndexOf('/') + 1)
  const kilobytes = (size: number): string => `${(size / 1e6).toFixed(2)} MB`
  return [
    `[${name}](../${file}), commit ${machine.commit}, Node ${machine.node}, ${machine.cores} cores, load average ${load.before.oneMinute} before; medians and quartiles of ${rounds} starts in turn. The published code is ${kilobytes(bytes.code)}, and the files of the page ${kilobytes(bytes.page)}.`,
    '',
    table(
      [
        '',
        'until it listens, ms',
        'CPU for that, ms',
        'resident then, MB',
        'after 6 s without calls',
        'of that, private',
        'after three scrapes',
      ],
      results.map(({ way, wallMs, cpuMs, rssMb, idleMb, privateMb, scrapedMb }) => [
        way,
        ...[wallMs, cpuMs, rssMb, idleMb, privateMb, scrapedMb].map(show),
      ]),
    ),
  ].join('\n')
}

const show = ({ q1, median, q3 }: Figure): string =>
  `${median.toFixed(0)} [${q1.toFixed(0)} ${q3.toFixed(0)}]`
