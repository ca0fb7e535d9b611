/** values.yaml, values.schema.json and the table of values, from one source. */

import { stringify } from 'yaml'
import { code, table } from '../../../scripts/markdown.ts'
import type { Schema, Section, Value, Values } from './value.ts'

const WIDTH = 98

/** With what each value is for above it. */
export function valuesYaml(values: Values, indent = ''): string {
  return Object.entries(values)
    .map(([name, entry]) => {
      const about = comment(entry.about, indent)
      return entry.kind === 'section'
        ? `${about}${indent}${name}:\n${valuesYaml(entry.members, `${indent}  `)}`
        : `${about}${valueYaml(name, entry, indent)}`
    })
    .join(indent === '' ? '\n' : '')
}

/** Unknown keys are refused everywhere but within objects of Kubernetes. */
export function valuesSchema(values: Values): Schema {
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(
      Object.entries(values).map(([name, entry]) => [name, entrySchema(entry)]),
    ),
  }
}

export function valuesTable(values: Values): string {
  return table(['Value', 'Default', 'What it is for'], rows(values, ''))
}

function rows(values: Values, path: string): string[][] {
  return Object.entries(values).flatMap(([name, entry]) =>
    entry.kind === 'section'
      ? rows(entry.members, `${path}${name}.`)
      : [[code(`${path}${name}`), code(JSON.stringify(entry.fallback)), entry.about]],
  )
}

const entrySchema = (entry: Value | Section): Schema => ({
  description: entry.about,
  ...(entry.kind === 'section' ? valuesSchema(entry.members) : entry.schema),
})

function valueYaml(name: string, { fallback }: Value, indent: string): string {
  const yaml = stringify({ [name]: fallback }, { lineWidth: 0 })
  return yaml.replaceAll(/^(?=.)/gm, indent)
}

/** Whole words, in lines as long as the file's others. */
function comment(sentence: string, indent: string): string {
  const lines: string[] = []
  for (const word of sentence.split(' ')) {
    const last = lines.at(-1)
    const longer = last === undefined ? word : `${last} ${word}`
    if (last === undefined || indent.length + 2 + longer.length > WIDTH) lines.push(word)
    else lines[lines.length - 1] = longer
  }
  return lines.map((line) => `${indent}# ${line}\n`).join('')
}
