{{/*
Settings of a component's pods, of (dict "root" $ "component" "rules"): those at the top of the values, or what `rules:` and so on has under the same
key, as a whole.
*/}}
{{- define "watchfire.settings" -}}
{{- $over := index .root.Values .component | default dict -}}
{{- $settings := dict -}}
{{- range $key := list "replicas" "resources" "persistence" "extraArgs" "extraEnv" "extraEnvFrom" "extraVolumes" "extraVolumeMounts" "extraContainers" "podAnnotations" "podLabels" "podSecurityContext" "containerSecurityContext" "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" "terminationGracePeriodSeconds" "probes" "podDisruptionBudget" -}}
{{- if hasKey $over $key -}}
{{- $_ := set $settings $key (index $over $key) -}}
{{- else -}}
{{- $_ := set $settings $key (index $.root.Values $key) -}}
{{- end -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}

{{/* Mistakes that a schema cannot see. */}}
{{- define "watchfire.checkValues" -}}
{{- $hasRules := ne .Values.mode "notifier" -}}
{{- range $component := include "watchfire.components" . | fromYamlArray -}}
{{- $settings := include "watchfire.settings" (dict "root" $ "component" $component) | fromYaml -}}
{{- if and (ne $component "rules") (gt (int $settings.replicas) 1) -}}
{{- fail (printf "replicas: %d of %s would page twice, as there is no gossip. One is enough: its state is on disk, and it is back within seconds. The rule service may have more: rules.replicas with mode: split" (int $settings.replicas) $component) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.admission.enabled (eq .Values.mode "rules") -}}
{{- fail "admission.enabled: the webhook is served by the notifier, which mode: rules has not" -}}
{{- end -}}
{{- if and $hasRules (not .Values.queryUrl) (not .Values.rulesConfig.existingSecret) (not (hasKey .Values.rulesConfig.content "query")) (not (hasKey .Values.rulesConfig.content "query_sources")) -}}
{{- fail "queryUrl, or query in rulesConfig.content: the rule service needs somebody to ask" -}}
{{- end -}}
{{- if and (eq .Values.mode "rules") (not .Values.notifierUrls) (not .Values.rulesConfig.existingSecret) (not (hasKey .Values.rulesConfig.content "alerting")) -}}
{{- fail "notifierUrls, or alerting in rulesConfig.content: with mode: rules nobody else is told of alerts" -}}
{{- end -}}
{{- end -}}
