/**
 * The profile "restricted" of Kubernetes' Pod Security Standards, control by control, with the values that
 * each allows. Undefined is allowed where the standard says so.
 */

import type { Json } from './manifests.ts'

/** What a control finds wrong with a pod, as the paths of fields. */
interface Control {
  readonly name: string
  find(spec: Json): readonly string[]
}

const LISTS = ['containers', 'initContainers', 'ephemeralContainers']

interface Named {
  readonly container: Json
  readonly path: string
}

const containersOf = (spec: Json): readonly Named[] =>
  LISTS.flatMap((list) =>
    (spec[list] ?? []).map((container: Json) => ({
      container,
      path: `${list}[${container.name}]`,
    })),
  )

/** A control over a field of every container. */
const eachContainer = (
  name: string,
  field: string,
  isBad: (container: Json, spec: Json) => boolean,
): Control => ({
  name,
  find: (spec) =>
    containersOf(spec)
      .filter(({ container }) => isBad(container, spec))
      .map(({ path }) => `${path}.${field}`),
})

/** A control over a field of the pod's and of every container's security context. */
const eachContext = (name: string, field: string, isBad: (context: Json) => boolean): Control => ({
  name,
  find: (spec) => [
    ...(isBad(spec.securityContext ?? {}) ? [`securityContext.${field}`] : []),
    ...containersOf(spec)
      .filter(({ container }) => isBad(container.securityContext ?? {}))
      .map(({ path }) => `${path}.securityContext.${field}`),
  ],
})

const oneOf = (values: readonly unknown[]) => (value: unknown) => values.includes(value)

const isSelinuxType = oneOf([
  undefined,
  '',
  'container_t',
  'container_init_t',
  'container_kvm_t',
  'container_engine_t',
])

const VOLUME_TYPES = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
])

const SYSCTLS = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
])

const hasHost = (handler: Json): boolean =>
  [handler?.httpGet?.host, handler?.tcpSocket?.host].some(
    (host) => host !== undefined && host !== '',
  )

const PROBES = ['startupProbe', 'readinessProbe', 'livenessProbe']

export const CONTROLS: readonly Control[] = [
  eachContext('host process', 'windowsOptions.hostProcess', (context) =>
    Boolean(context.windowsOptions?.hostProcess),
  ),
  {
    name: 'host namespaces',
    find: (spec) => ['hostNetwork', 'hostPID', 'hostIPC'].filter((field) => spec[field] === true),
  },
  eachContainer('privileged containers', 'securityContext.privileged', (container) =>
    Boolean(container.securityContext?.privileged),
  ),
  eachContainer('host ports', 'ports.hostPort', (container) =>
    (container.ports ?? []).some((port: Json) => (port.hostPort ?? 0) !== 0),
  ),
  eachContainer(
    'hosts of probes and hooks',
    'host',
    (container) =>
      PROBES.some((probe) => hasHost(container[probe])) ||
      hasHost(container.lifecycle?.preStop) ||
      hasHost(container.lifecycle?.postStart),
  ),
  eachContext(
    'AppArmor',
    'appArmorProfile',
    (context) => !oneOf([undefined, 'RuntimeDefault', 'Localhost'])(context.appArmorProfile?.type),
  ),
  eachContext(
    'SELinux',
    'seLinuxOptions',
    ({ seLinuxOptions = {} }) =>
      !isSelinuxType(seLinuxOptions.type) ||
      Boolean(seLinuxOptions.user) ||
      Boolean(seLinuxOptions.role),
  ),
  eachContainer(
    '/proc mount type',
    'securityContext.procMount',
    (container) => !oneOf([undefined, 'Default'])(container.securityContext?.procMount),
  ),
  {
    name: 'sysctls',
    find: (spec) =>
      (spec.securityContext?.sysctls ?? [])
        .filter(({ name }: Json) => !SYSCTLS.has(name))
        .map(({ name }: Json) => `securityContext.sysctls[${name}]`),
  },
  {
    name: 'volume types',
    find: (spec) =>
      (spec.volumes ?? [])
        .filter((volume: Json) =>
          Object.keys(volume).some((key) => key !== 'name' && !VOLUME_TYPES.has(key)),
        )
        .map(({ name }: Json) => `volumes[${name}]`),
  },
  eachContainer(
    'privilege escalation',
    'securityContext.allowPrivilegeEscalation',
    (container) => container.securityContext?.allowPrivilegeEscalation !== false,
  ),
  eachContainer(
    'running as non-root',
    'securityContext.runAsNonRoot',
    (container, spec) =>
      (container.securityContext?.runAsNonRoot ?? spec.securityContext?.runAsNonRoot) !== true,
  ),
  eachContext('running as non-root user', 'runAsUser', (context) => context.runAsUser === 0),
  eachContainer(
    'seccomp',
    'securityContext.seccompProfile',
    (container, spec) =>
      !oneOf(['RuntimeDefault', 'Localhost'])(
        (container.securityContext?.seccompProfile ?? spec.securityContext?.seccompProfile)?.type,
      ),
  ),
  eachContext(
    'seccomp values',
    'seccompProfile',
    (context) => !oneOf([undefined, 'RuntimeDefault', 'Localhost'])(context.seccompProfile?.type),
  ),
  eachContainer('capabilities', 'securityContext.capabilities', (container) => {
    const { drop = [], add = [] } = container.securityContext?.capabilities ?? {}
    return !drop.includes('ALL') || add.some((name: string) => name !== 'NET_BIND_SERVICE')
  }),
]

/** `control: field` for everything that "restricted" refuses in a pod. */
export function restrictedProblems(pod: Json): readonly string[] {
  return CONTROLS.flatMap((control) =>
    control.find(pod.spec).map((field) => `${control.name}: ${field}`),
  )
}
