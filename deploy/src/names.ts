/** Names that manifests, documentation and clusters share. A name that changes here breaks what users wrote. */

import { PROGRAM } from './program.ts'

/** Of the container, and of everything whose name has to be found again. */
export const NAME = 'sidelight'

/** Container that copies the program for agents that start servers themselves (`sidelight install`). */
export const INSTALL_NAME = 'sidelight-install'

/** Replaced by `images:` of Kustomize, or by a value of the chart. */
export const IMAGE = `sidelight:${PROGRAM.version}`

export const LABEL = {
  /** On a namespace or pod: `true` asks for the sidecar, `false` on a pod or workload refuses it. */
  inject: 'sidelight.dev/inject',
  /** `true` on every pod that has it: what monitors and network policies select. */
  sidecar: 'sidelight.dev/sidecar',
} as const

export const ANNOTATION = {
  /** On a pod: the ConfigMap with its sidelight.yaml, in place of the usual one. */
  config: 'sidelight.dev/config',
} as const

/** At most 15 characters, and unlike any port of an agent: ports are found by name in the whole pod. */
export const PORT = { admin: 'sidelight-admin' } as const

/** Objects in the namespace of the agent. */
export const OBJECT = {
  /** ConfigMap with the key `sidelight.yaml`. */
  config: 'sidelight',
  /** Secret whose keys are files with credentials for upstreams; it need not exist. */
  secrets: 'sidelight-credentials',
  /** ConfigMap of OTEL_* variables; it need not exist. */
  telemetry: 'sidelight-otel',
} as const

export const VOLUME = {
  config: 'sidelight-config',
  secrets: 'sidelight-credentials',
  token: 'sidelight-token',
  data: 'sidelight-data',
  /** Where the program is put for the agent's own container. */
  program: 'sidelight-program',
} as const

/** Where things are in the container. */
export const MOUNT = {
  config: '/etc/sidelight',
  secrets: '/var/run/secrets/sidelight',
  token: '/var/run/secrets/sidelight-token',
  data: '/var/lib/sidelight',
  program: '/sidelight',
} as const

export const CONFIG_FILE = `${MOUNT.config}/sidelight.yaml`
