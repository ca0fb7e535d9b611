/** The parts of Kubernetes' API that are written here; tests hold the result against its schemas. */

export interface HttpProbe {
  readonly httpGet: { readonly path: string; readonly port: string | number }
  readonly periodSeconds: number
  readonly timeoutSeconds: number
  readonly failureThreshold: number
}

export interface EnvVar {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } }
}

export interface VolumeMount {
  readonly name: string
  readonly mountPath: string
  readonly readOnly?: boolean
}

export interface SecurityContext {
  readonly allowPrivilegeEscalation: boolean
  readonly capabilities: { readonly drop: readonly string[] }
  readonly privileged: boolean
  readonly readOnlyRootFilesystem: boolean
  readonly runAsGroup: number
  readonly runAsNonRoot: boolean
  readonly runAsUser: number
  readonly seccompProfile: { readonly type: 'RuntimeDefault' }
}

export interface Resources {
  readonly requests: Readonly<Record<string, string>>
  readonly limits: Readonly<Record<string, string>>
}

export interface Container {
  readonly name: string
  readonly image: string
  readonly imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never'
  /** `Always` on an init container makes it a sidecar: started before, and ended after, the others. */
  readonly restartPolicy?: 'Always'
  readonly args: readonly string[]
  readonly ports?: readonly {
    readonly name: string
    readonly containerPort: number
    readonly protocol: 'TCP'
  }[]
  readonly env?: readonly EnvVar[]
  readonly envFrom?: readonly {
    readonly configMapRef: { readonly name: string; readonly optional: boolean }
  }[]
  readonly startupProbe?: HttpProbe
  readonly readinessProbe?: HttpProbe
  readonly livenessProbe?: HttpProbe
  readonly resources: Resources
  readonly securityContext: SecurityContext
  readonly volumeMounts: readonly VolumeMount[]
}

export type Volume = { readonly name: string } & (
  | { readonly configMap: { readonly name: string } }
  | { readonly secret: { readonly secretName: string; readonly optional: boolean } }
  | { readonly emptyDir: { readonly sizeLimit: string } }
  | {
      readonly projected: {
        readonly sources: readonly {
          readonly serviceAccountToken: {
            readonly audience: string
            readonly expirationSeconds: number
            readonly path: string
          }
        }[]
      }
    }
)

/** Any object of the API, before it is printed. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata?: {
    readonly name?: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [member: string]: unknown
}
