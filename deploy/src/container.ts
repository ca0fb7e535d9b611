/**
 * The sidecar as part of a pod. Everything that puts Sidelight into pods is made from here: the component
 * of Kustomize, the admission policies and the chart.
 *
 * It is a native sidecar, an init container with `restartPolicy: Always` (Kubernetes 1.29 and later). The
 * agent starts when the startup probe has passed, and Sidelight is told to stop when the agent has ended,
 * so that no call of the agent finds it gone. No `preStop` is needed for that.
 */

import type {
  Container,
  EnvVar,
  HttpProbe,
  Resources,
  SecurityContext,
  Volume,
  VolumeMount,
} from './kubernetes.ts'
import {
  CONFIG_FILE,
  IMAGE,
  INSTALL_NAME,
  LABEL,
  MOUNT,
  NAME,
  OBJECT,
  PORT,
  VOLUME,
} from './names.ts'
import { PROGRAM } from './program.ts'

/** What differs from one cluster, or one agent, to the next. */
export interface SidecarSettings {
  readonly image: string
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never'
  /** ConfigMap with the key `sidelight.yaml`. */
  readonly configMap: string
  /** Secret whose keys become files under `MOUNT.secrets`. */
  readonly secret: string
  /** ConfigMap of OTEL_* variables. */
  readonly telemetryConfigMap: string
  /** Whom the pod's own token is for: the audience that the MCP server checks. */
  readonly tokenAudience: string
  readonly resources: Resources
  /** Most of the audit log and whatever else is kept; the pod is evicted beyond it. */
  readonly dataSize: string
}

export const DEFAULTS: SidecarSettings = {
  image: IMAGE,
  imagePullPolicy: 'IfNotPresent',
  configMap: OBJECT.config,
  secret: OBJECT.secrets,
  telemetryConfigMap: OBJECT.telemetry,
  tokenAudience: 'mcp',
  // No limit of CPU: throttled, it would hold up calls of an agent that is idle itself. Memory has room for
  // `limits.bodies`, the large bodies of all clients together.
  resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
  dataSize: '2Gi',
}

/** As in deploy/Dockerfile. */
const USER_ID = 1000

/** The least time that Kubernetes gives agents that name none. */
const AGENT_SECONDS = 30

/** Between the end of a drain and the kill, for the process to end. */
const SPARE_SECONDS = 2

/** What a pod's time to end has to be longer by. */
export const DRAIN_SECONDS = PROGRAM.shutdownSeconds + SPARE_SECONDS

/** Of a pod whose agent has Kubernetes' own default: the agent's time, and then Sidelight's. */
export const TERMINATION_GRACE_SECONDS = AGENT_SECONDS + DRAIN_SECONDS

export const POD_LABELS: Readonly<Record<string, string>> = { [LABEL.sidecar]: 'true' }

/** For the namespace's Pod Security "restricted", and no more rights than that. */
export const SECURITY_CONTEXT: SecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  privileged: false,
  readOnlyRootFilesystem: true,
  runAsGroup: USER_ID,
  runAsNonRoot: true,
  // Said here as well as in the image: an agent's pod may order root for all of its containers.
  runAsUser: USER_ID,
  seccompProfile: { type: 'RuntimeDefault' },
}

/**
 * The agent waits for the first; calls are never held up by the others. A liveness probe that is quick to
 * give up would kill a sidecar that is merely busy, and every call with it.
 */
export const PROBES: Readonly<
  Record<'startupProbe' | 'readinessProbe' | 'livenessProbe', HttpProbe>
> = {
  startupProbe: probe(PROGRAM.paths.ready, { period: 1, timeout: 2, failures: 120 }),
  readinessProbe: probe(PROGRAM.paths.ready, { period: 5, timeout: 3, failures: 3 }),
  livenessProbe: probe(PROGRAM.paths.live, { period: 10, timeout: 5, failures: 6 }),
}

/** For `spec.initContainers` of a pod, as the first of them. */
export function sidecarContainer(settings: SidecarSettings = DEFAULTS): Container {
  return {
    name: NAME,
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    restartPolicy: 'Always',
    // Calls are taken from the pod's own loopback alone; probes and scrapers come from outside.
    args: ['run', '--config', CONFIG_FILE, '--admin', `0.0.0.0:${String(PROGRAM.adminPort)}`],
    ports: [{ name: PORT.admin, containerPort: PROGRAM.adminPort, protocol: 'TCP' }],
    env: identity(NAME),
    envFrom: [{ configMapRef: { name: settings.telemetryConfigMap, optional: true } }],
    ...PROBES,
    resources: settings.resources,
    securityContext: SECURITY_CONTEXT,
    volumeMounts: sidecarMounts(),
  }
}

/** What `sidecarContainer` mounts, for `spec.volumes`. */
export function sidecarVolumes(settings: SidecarSettings = DEFAULTS): readonly Volume[] {
  return [
    { name: VOLUME.config, configMap: { name: settings.configMap } },
    { name: VOLUME.secrets, secret: { secretName: settings.secret, optional: true } },
    {
      name: VOLUME.token,
      projected: {
        sources: [
          {
            serviceAccountToken: {
              audience: settings.tokenAudience,
              expirationSeconds: 3600,
              path: 'token',
            },
          },
        ],
      },
    },
    { name: VOLUME.data, emptyDir: { sizeLimit: settings.dataSize } },
  ]
}

/** Puts the program where the agent's own container can start it; ends at once. */
export function installContainer(settings: SidecarSettings = DEFAULTS): Container {
  return {
    name: INSTALL_NAME,
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    args: ['install', MOUNT.program],
    resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } },
    securityContext: SECURITY_CONTEXT,
    volumeMounts: [{ name: VOLUME.program, mountPath: MOUNT.program }],
  }
}

/** For the agent's container, beside the volume of `installVolumes`. */
export const PROGRAM_MOUNT: VolumeMount = {
  name: VOLUME.program,
  mountPath: MOUNT.program,
  readOnly: true,
}

/** What `installContainer` writes to. */
export function installVolumes(): readonly Volume[] {
  return [{ name: VOLUME.program, emptyDir: { sizeLimit: '512Mi' } }]
}

/**
 * The resource of all telemetry: `k8s.*` and `service.instance.id` as OpenTelemetry's conventions for
 * Kubernetes form it. Variables stand before those that name them.
 */
export function identity(container: string): readonly EnvVar[] {
  const attributes = {
    'k8s.namespace.name': '$(K8S_NAMESPACE_NAME)',
    'k8s.pod.name': '$(K8S_POD_NAME)',
    'k8s.pod.uid': '$(K8S_POD_UID)',
    'k8s.node.name': '$(K8S_NODE_NAME)',
    'k8s.container.name': container,
    'service.namespace': '$(K8S_NAMESPACE_NAME)',
    'service.instance.id': `$(K8S_NAMESPACE_NAME).$(K8S_POD_NAME).${container}`,
  }
  return [
    field('K8S_NAMESPACE_NAME', 'metadata.namespace'),
    field('K8S_POD_NAME', 'metadata.name'),
    field('K8S_POD_UID', 'metadata.uid'),
    field('K8S_NODE_NAME', 'spec.nodeName'),
    {
      name: 'OTEL_RESOURCE_ATTRIBUTES',
      value: Object.entries(attributes)
        .map(([name, value]) => `${name}=${value}`)
        .join(','),
    },
  ]
}

/** Directories, not single files of them: a file that is mounted alone never changes in a running pod. */
function sidecarMounts(): readonly VolumeMount[] {
  return [
    { name: VOLUME.config, mountPath: MOUNT.config, readOnly: true },
    { name: VOLUME.secrets, mountPath: MOUNT.secrets, readOnly: true },
    { name: VOLUME.token, mountPath: MOUNT.token, readOnly: true },
    { name: VOLUME.data, mountPath: MOUNT.data },
  ]
}

function field(name: string, fieldPath: string): EnvVar {
  return { name, valueFrom: { fieldRef: { fieldPath } } }
}

interface ProbeTimes {
  readonly period: number
  readonly timeout: number
  readonly failures: number
}

function probe(path: string, { period, timeout, failures }: ProbeTimes): HttpProbe {
  return {
    httpGet: { path, port: PORT.admin },
    periodSeconds: period,
    timeoutSeconds: timeout,
    failureThreshold: failures,
  }
}
