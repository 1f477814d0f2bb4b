{{- define "watchfire.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "watchfire.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Of (dict "root" $ "component" "rules"): with both halves in one process the component needs no name. */}}
{{- define "watchfire.componentName" -}}
{{- $fullname := include "watchfire.fullname" .root -}}
{{- if eq .component "run" -}}{{ $fullname }}{{- else -}}{{ $fullname }}-{{ .component }}{{- end -}}
{{- end -}}

{{/* What never changes in the life of a release. */}}
{{- define "watchfire.selectorLabels" -}}
app.kubernetes.io/name: {{ include "watchfire.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "watchfire.labels" -}}
{{ include "watchfire.selectorLabels" . }}
app.kubernetes.io/part-of: watchfire
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "watchfire.annotations" -}}
{{- with .Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "watchfire.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "watchfire.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "watchfire.image" -}}
{{- $image := .Values.image -}}
{{- $name := $image.repository -}}
{{- with $image.registry -}}{{- $name = printf "%s/%s" . $name -}}{{- end -}}
{{- if $image.digest -}}{{ $name }}@{{ $image.digest }}{{- else -}}{{ $name }}:{{ default .Chart.AppVersion $image.tag }}{{- end -}}
{{- end -}}

{{/* The processes of a release, as a YAML list. */}}
{{- define "watchfire.components" -}}
{{- if eq .Values.mode "split" -}}
[rules, notifier]
{{- else -}}
[{{ .Values.mode }}]
{{- end -}}
{{- end -}}

{{- define "watchfire.port" -}}
{{- if eq .component "rules" -}}8880{{- else -}}9093{{- end -}}
{{- end -}}

{{/* Where the rule service sends its alerts. */}}
{{- define "watchfire.notifierUrls" -}}
{{- $urls := .Values.notifierUrls -}}
{{- if eq .Values.mode "split" -}}
{{- $name := include "watchfire.componentName" (dict "root" . "component" "notifier") -}}
{{- $own := printf "%s://%s.%s.svc:9093%s" (lower .Values.web.scheme) $name .Release.Namespace (include "watchfire.pathPrefix" .) -}}
{{- $urls = prepend $urls $own -}}
{{- end -}}
{{- toYaml $urls -}}
{{- end -}}

{{/* "" or "/prefix" */}}
{{- define "watchfire.pathPrefix" -}}
{{- $prefix := .Values.web.routePrefix -}}
{{- if and (not $prefix) .Values.web.externalUrl -}}{{- $prefix = (urlParse .Values.web.externalUrl).path -}}{{- end -}}
{{- $prefix = trimAll "/" $prefix -}}
{{- if $prefix -}}/{{ $prefix }}{{- end -}}
{{- end -}}
