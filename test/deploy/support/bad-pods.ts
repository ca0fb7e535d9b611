/** A pod that keeps to Pod Security "restricted", and what breaks each control of it. */

import type { Json } from './manifests.ts'

/** Keeps to "restricted". */
export const GOOD_POD: Json = {
  metadata: { name: 'agent' },
  spec: {
    containers: [
      {
        name: 'agent',
        image: 'agent',
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          runAsNonRoot: true,
          seccompProfile: { type: 'RuntimeDefault' },
        },
      },
    ],
    volumes: [{ name: 'cache', emptyDir: {} }],
  },
}

/** What breaks each control, and nothing else. */
export const BREACHES: Readonly<Record<string, (spec: Json, context: Json) => void>> = {
  'host process': (spec) => {
    spec.securityContext = { windowsOptions: { hostProcess: true } }
  },
  'host namespaces': (spec) => {
    spec.hostPID = true
  },
  'privileged containers': (_, context) => {
    context.privileged = true
  },
  'host ports': (spec) => {
    spec.containers[0].ports = [{ containerPort: 1, hostPort: 1 }]
  },
  'hosts of probes and hooks': (spec) => {
    spec.containers[0].livenessProbe = { httpGet: { host: '10.0.0.1', path: '/', port: 1 } }
  },
  AppArmor: (_, context) => {
    context.appArmorProfile = { type: 'Unconfined' }
  },
  SELinux: (_, context) => {
    context.seLinuxOptions = { type: 'spc_t' }
  },
  '/proc mount type': (_, context) => {
    context.procMount = 'Unmasked'
  },
  sysctls: (spec) => {
    spec.securityContext = { sysctls: [{ name: 'kernel.msgmax', value: '1' }] }
  },
  'volume types': (spec) => {
    spec.volumes.push({ name: 'host', hostPath: { path: '/' } })
  },
  'privilege escalation': (_, context) => {
    delete context.allowPrivilegeEscalation
  },
  'running as non-root': (_, context) => {
    context.runAsNonRoot = false
  },
  'running as non-root user': (_, context) => {
    context.runAsUser = 0
  },
  seccomp: (_, context) => {
    delete context.seccompProfile
  },
  'seccomp values': (spec) => {
    spec.securityContext = { seccompProfile: { type: 'Unconfined' } }
  },
  capabilities: (_, context) => {
    context.capabilities.add = ['NET_ADMIN']
  },
}

/** The pod with one breach. */
export function breach(name: string): Json {
  const pod = structuredClone(GOOD_POD)
  BREACHES[name]?.(pod.spec, pod.spec.containers[0].securityContext)
  return pod
}
