{{/*
For charts of agents that have this one as a dependency. Each takes the context of this chart, which is
`.Subcharts.sidelight` in theirs:

  metadata:
    labels: {{- include "sidelight.podLabels" .Subcharts.sidelight | nindent 8 }}
  spec:
    terminationGracePeriodSeconds: {{ include "sidelight.gracePeriod" .Subcharts.sidelight }}
    initContainers:
      - {{- include "sidelight.sidecar" .Subcharts.sidelight | nindent 10 }}
    volumes: {{- include "sidelight.volumes" .Subcharts.sidelight | nindent 8 }}
*/}}

{{/* The sidecar: an entry of `initContainers`, the first of them. */}}
{{- define "sidelight.sidecar" -}}
{{- $container := (include "sidelight.pod" . | fromJson).container -}}
{{- with .Values.sidecar.resources -}}
{{- $_ := set $container "resources" . -}}
{{- end -}}
{{- toYaml (mergeOverwrite $container (deepCopy .Values.sidecar.overrides)) -}}
{{- end -}}

{{/* What it mounts: entries of `volumes`. */}}
{{- define "sidelight.volumes" -}}
{{- toYaml (include "sidelight.pod" . | fromJson).volumes -}}
{{- end -}}

{{/* Labels of the pod, by which monitors and network policies find it. */}}
{{- define "sidelight.podLabels" -}}
{{- toYaml (include "sidelight.pod" . | fromJson).labels -}}
{{- end -}}

{{/* `terminationGracePeriodSeconds` of a pod whose agent needs no more than 30 s to end. */}}
{{- define "sidelight.gracePeriod" -}}
{{- (include "sidelight.pod" . | fromJson).terminationGracePeriodSeconds -}}
{{- end -}}

{{/*
For agents that start stdio servers themselves (`sidelight wrap`): an entry of `initContainers` that puts the
program into a volume, that volume, and where the agent's own container mounts it.
*/}}
{{- define "sidelight.install" -}}
{{- toYaml (include "sidelight.pod" . | fromJson).install.container -}}
{{- end -}}

{{- define "sidelight.installVolumes" -}}
{{- toYaml (include "sidelight.pod" . | fromJson).install.volumes -}}
{{- end -}}

{{- define "sidelight.programMount" -}}
{{- toYaml (include "sidelight.pod" . | fromJson).install.mount -}}
{{- end -}}
