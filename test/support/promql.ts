/** What a PromQL expression asks for, by the grammar that Prometheus itself publishes. */

import { parser } from '@prometheus-io/lezer-promql'

export interface Matcher {
  readonly label: string
  readonly op: string
  readonly value: string
}

export interface Selector {
  /** Undefined when the selector names no metric. */
  readonly metric: string | undefined
  readonly matchers: readonly Matcher[]
  /** The function directly around it, such as `rate`. */
  readonly inFunction: string | undefined
  /** Such as `5m`; undefined when it is an instant vector. */
  readonly range: string | undefined
  /** Labels that aggregations around it keep by `by`. */
  readonly groupedBy: readonly string[]
}

export interface ParsedQuery {
  /** What does not parse, with its place. */
  readonly errors: readonly string[]
  readonly selectors: readonly Selector[]
}

type Node = NonNullable<ReturnType<ReturnType<typeof parser.parse>['topNode']['getChild']>>

export function parsePromql(expr: string): ParsedQuery {
  const tree = parser.parse(expr)
  const errors: string[] = []
  const selectors: Selector[] = []
  const textOf = (node: Node): string => expr.slice(node.from, node.to)
  tree.iterate({
    enter(ref) {
      if (ref.type.isError) errors.push(`${expr}\n${' '.repeat(ref.from)}^ does not parse here`)
      if (ref.name === 'VectorSelector') selectors.push(toSelector(ref.node, textOf))
    },
  })
  return { errors, selectors }
}

function toSelector(node: Node, textOf: (node: Node) => string): Selector {
  const identifier = node.getChild('Identifier')
  const list = node.getChild('LabelMatchers')
  const matrix = node.parent?.name === 'MatrixSelector' ? node.parent : undefined
  const duration = matrix?.getChild('DurationExpr') ?? matrix?.getChild('NumberDurationLiteral')
  return {
    metric: identifier === null ? undefined : textOf(identifier),
    matchers: (list?.getChildren('UnquotedLabelMatcher') ?? []).map((one) => ({
      label: textIn(one, 'LabelName', textOf),
      op: textIn(one, 'MatchOp', textOf),
      value: textIn(one, 'StringLiteral', textOf).slice(1, -1),
    })),
    inFunction: functionAround(matrix ?? node, textOf),
    range: duration === null || duration === undefined ? undefined : textOf(duration),
    groupedBy: groupedBy(node, textOf),
  }
}

function textIn(node: Node, name: string, textOf: (node: Node) => string): string {
  const child = node.getChild(name)
  return child === null ? '' : textOf(child)
}

function functionAround(node: Node, textOf: (node: Node) => string): string | undefined {
  const body = node.parent
  const call = body?.name === 'FunctionCallBody' ? body.parent : undefined
  return call?.name === 'FunctionCall' ? textIn(call, 'FunctionIdentifier', textOf) : undefined
}

function groupedBy(node: Node, textOf: (node: Node) => string): readonly string[] {
  const labels: string[] = []
  for (let at = node.parent; at !== null; at = at.parent) {
    const modifier = at.name === 'AggregateExpr' ? at.getChild('AggregateModifier') : null
    if (modifier === null || modifier.getChild('By') === null) continue
    const names = modifier.getChild('GroupingLabels')?.getChildren('LabelName') ?? []
    labels.push(...names.map(textOf))
  }
  return labels
}
