{{- define "sidelight.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" (.Release.Name | trunc 43 | trimSuffix "-") .Chart.Name -}}
{{- end -}}
{{- end -}}

{{- define "sidelight.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Of the objects for the operator of Prometheus. */}}
{{- define "sidelight.monitoringMetadata" -}}
name: {{ include "sidelight.fullname" . | quote }}
namespace: {{ .Values.monitoring.namespace | default .Release.Namespace | quote }}
labels:
  {{- include "sidelight.labels" . | nindent 2 }}
  {{- with .Values.monitoring.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* A list, as JSON. */}}
{{- define "sidelight.agentNamespaces" -}}
{{- .Values.agentNamespaces | default (list .Release.Namespace) | toJson -}}
{{- end -}}

{{- define "sidelight.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* The text of a file that is made from deploy/src, with the values of this chart for its placeholders. */}}
{{- define "sidelight.fill" -}}
{{- $values := .root.Values -}}
{{- .root.Files.Get .file
    | replace "SIDELIGHT_IMAGE" (include "sidelight.image" .root)
    | replace "SIDELIGHT_PULL_POLICY" $values.image.pullPolicy
    | replace "SIDELIGHT_CONFIG_MAP" $values.config.name
    | replace "SIDELIGHT_SECRET" $values.sidecar.secretName
    | replace "SIDELIGHT_TELEMETRY" $values.environment.name
    | replace "SIDELIGHT_AUDIENCE" $values.sidecar.tokenAudience
    | replace "SIDELIGHT_DATA_SIZE" $values.sidecar.dataSize -}}
{{- end -}}

{{/* The pod of an agent as far as the sidecar is concerned, as JSON. */}}
{{- define "sidelight.pod" -}}
{{- include "sidelight.fill" (dict "root" . "file" "files/pod.json") -}}
{{- end -}}

{{/* `sidecar.resources` as CEL, whose maps hold values of one type: amounts are texts. */}}
{{- define "sidelight.resourcesCel" -}}
{{- $parts := list -}}
{{- range $name, $amounts := .Values.sidecar.resources -}}
{{- $members := list -}}
{{- range $resource, $amount := $amounts -}}
{{- $members = append $members (printf "%q: %q" $resource (toString $amount)) -}}
{{- end -}}
{{- $parts = append $parts (printf "%s: {%s}" $name (join ", " $members)) -}}
{{- end -}}
Object.spec.initContainers.resources{ {{- join ", " $parts -}} }
{{- end -}}
