/** The flags of `sidelight audit`. */

const text = (value: string, about: string) => ({ type: 'string', value, about }) as const

export const AUDIT = {
  about: 'Check, show or export an audit log, or forget a person in it.',
  usage: 'verify|tail|query|export|erase --dir DIR [flags]',
  positionals: 1,
  flags: {
    dir: text('DIR', 'The directory of the log (audit.dir).'),
    keys: text('DIR', 'The directory of its keys (audit.keys). Default DIR/keys.'),
    'public-key': text(
      'FILE',
      'verify: the key of checkpoints. Default checkpoint.pub of the keys.',
    ),
    checkpoints: {
      type: 'string',
      multiple: true,
      value: 'FILE',
      about: 'verify: checkpoints that were kept elsewhere: notes, a log, or audit.checkpointFile.',
    },
    json: { type: 'boolean', about: 'verify: print the report as JSON.' },
    since: text('TIME', 'Only records from then on, such as 2026-11-30T10:00:00Z.'),
    until: text('TIME', 'Only records before then.'),
    issuer: text('ISSUER', 'Whose subject is meant.'),
    subject: text('NAME', 'Only records of this person, or of a pseudonym.'),
    upstream: text('NAME', 'Only records of this upstream,'),
    tool: text('NAME', 'or of this tool,'),
    type: text('TYPE', 'or of this type, such as call.ended,'),
    outcome: text('OUTCOME', 'or of calls that ended so, such as rejected,'),
    trace: text('ID', 'or of this trace,'),
    call: text('ID', 'or of this call.'),
    after: text('N', 'query, export: go on after the record with this number.'),
    limit: text('N', 'query, tail: most records. Default 100, and 20.'),
    follow: { type: 'boolean', about: 'tail: go on with records as they come.' },
    format: text('FORMAT', 'export: ocsf (JSON lines) or otlp (OTLP/JSON lines). Default ocsf.'),
  },
} as const
