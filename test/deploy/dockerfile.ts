/** deploy/Dockerfile, read by the parser of Docker's language server. */

import { readFileSync } from 'node:fs'

interface Argument {
  getValue(): string
}

interface Json {
  getJSONValue(): string
}

interface Parsed {
  getKeyword(): string
  getArgumentsContent(): string | null
  getArguments(): readonly Argument[]
  getFlags?(): readonly (Argument & { getName(): string })[]
  getJSONStrings?(): readonly Json[]
  getBuildStage?(): string | null
}

interface Parser {
  readonly DockerfileParser: { parse(text: string): { getInstructions(): readonly Parsed[] } }
}

export interface Instruction {
  readonly keyword: string
  /** As written, without flags. */
  readonly text: string
  readonly words: readonly string[]
  readonly flags: Readonly<Record<string, string>>
  /** Of the exec form; empty when a shell would run it. */
  readonly exec: readonly string[]
}

/** Name → instructions in order, without FROM; `''` holds what comes before the first. */
export type Stages = ReadonlyMap<string, readonly Instruction[]>

/** The package of this directory that the rest of the project does not have. */
const PARSER = 'dockerfile-ast'

export async function readDockerfile(): Promise<Stages> {
  const { DockerfileParser }: Parser = await import(PARSER)
  const text = readFileSync('deploy/Dockerfile', 'utf8')
  const stages = new Map<string, Instruction[]>([['', []]])
  let stage: Instruction[] = stages.get('') ?? []
  for (const parsed of DockerfileParser.parse(text).getInstructions()) {
    if (parsed.getKeyword() === 'FROM') {
      stage = []
      stages.set(parsed.getBuildStage?.() ?? 'unnamed', stage)
    }
    stage.push(toInstruction(parsed))
  }
  return stages
}

function toInstruction(parsed: Parsed): Instruction {
  const text = parsed.getArgumentsContent() ?? ''
  const flags = (parsed.getFlags?.() ?? []).map((flag) => [flag.getName(), flag.getValue()])
  return {
    keyword: parsed.getKeyword(),
    text,
    words: parsed.getArguments().map((argument) => argument.getValue()),
    flags: Object.fromEntries(flags),
    exec: execOf(parsed, text),
  }
}

/** HEALTHCHECK has its command behind a word of its own, which the parser does not look behind. */
function execOf(parsed: Parsed, text: string): readonly string[] {
  const given = (parsed.getJSONStrings?.() ?? []).map((word) => word.getJSONValue())
  const command = /^CMD (\[.*\])$/s.exec(text)?.[1]
  if (parsed.getKeyword() !== 'HEALTHCHECK' || command === undefined) return given
  const words: unknown = JSON.parse(command)
  return Array.isArray(words) ? words.map(String) : []
}

/** The one instruction with this keyword. Throws when there is none, or are several. */
export function the(stage: readonly Instruction[] | undefined, keyword: string): Instruction {
  const found = (stage ?? []).filter((one) => one.keyword === keyword)
  const [first] = found
  if (first === undefined || found.length > 1) throw new Error(`${found.length} times ${keyword}`)
  return first
}
