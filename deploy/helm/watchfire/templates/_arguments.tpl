{{/* The command line of a component, of (dict "root" $ "component" "rules"), as a YAML list. */}}
{{- define "watchfire.args" -}}
{{- $values := .root.Values -}}
{{- $hasRules := ne .component "notifier" -}}
{{- $hasNotifier := ne .component "rules" -}}
- {{ .component }}
{{- if $hasNotifier }}
- --config.file=/etc/watchfire/notifier/alertmanager.yml
{{- end }}
{{- if and $hasRules (include "watchfire.hasRulesConfig" .root) }}
- --{{ if $hasNotifier }}rules.{{ end }}config.file=/etc/watchfire/rules-config/prometheus.yml
{{- end }}
{{- if $hasRules }}
{{- if $values.ruleFiles }}
- --rule.file=/etc/watchfire/rules/chart/*.y*ml
{{- end }}
{{- range $values.ruleConfigMaps }}
- --rule.file=/etc/watchfire/rules/{{ . }}/*.y*ml
{{- end }}
{{- with include "watchfire.queryUrl" .root }}
- {{ printf "--query.url=%s" . | quote }}
{{- end }}
{{- range include "watchfire.notifierUrls" .root | fromYamlArray }}
- {{ printf "--notifier.url=%s" . | quote }}
{{- end }}
{{- with $values.remoteWriteUrl }}
- {{ printf "--remote-write.url=%s" . | quote }}
{{- end }}
{{- if and $values.kubernetesRules.enabled $values.rulesConfig.existingSecret }}
{{- /* otherwise a section of the configuration that the chart writes */}}
{{- $objects := $values.kubernetesRules }}
{{- if not (kindIs "invalid" $objects.ruleSelector) }}
- {{ printf "--kubernetes.rule-selector=%s" (include "watchfire.selector" $objects.ruleSelector) | quote }}
{{- end }}
{{- if not (kindIs "invalid" $objects.ruleNamespaceSelector) }}
- {{ printf "--kubernetes.rule-namespace-selector=%s" (include "watchfire.selector" $objects.ruleNamespaceSelector) | quote }}
{{- end }}
{{- with $objects.namespaces }}
- --kubernetes.namespaces={{ join "," . }}
{{- end }}
{{- with $objects.denyNamespaces }}
- --kubernetes.deny-namespaces={{ join "," . }}
{{- end }}
{{- with $objects.enforcedNamespaceLabel }}
- --kubernetes.enforced-namespace-label={{ . }}
{{- end }}
{{- range $objects.excludedFromEnforcement }}
- --kubernetes.exclude-from-enforcement={{ .namespace }}{{ with .name }}/{{ . }}{{ end }}
{{- end }}
{{- end }}
{{- with $values.evaluationInterval }}
- --evaluation.interval={{ . }}
{{- end }}
{{- end }}
{{- if and $hasNotifier $values.alertmanagerConfigs.enabled }}
{{- $configs := $values.alertmanagerConfigs }}
- --kubernetes.alertmanager-configs
{{- if $configs.alertmanager }}
- --kubernetes.alertmanager={{ $configs.alertmanager }}
{{- if $configs.writeStatus }}
- --kubernetes.alertmanager-config-status
{{- end }}
{{- else }}
{{- with $configs.selector }}
- {{ printf "--kubernetes.alertmanager-config-selector=%s" (include "watchfire.selector" .) | quote }}
{{- end }}
{{- if not (kindIs "invalid" $configs.namespaceSelector) }}
- {{ printf "--kubernetes.alertmanager-config-namespace-selector=%s" (include "watchfire.selector" $configs.namespaceSelector) | quote }}
{{- end }}
{{- with $configs.matcherStrategy }}
- --kubernetes.alertmanager-config-matcher-strategy={{ kebabcase . }}
{{- end }}
{{- end }}
{{- range $configs.namespaces }}
- --kubernetes.alertmanager-config-namespace={{ . }}
{{- end }}
{{- end }}
{{- if and $hasNotifier $values.admission.enabled }}
- --admission.listen-address=:{{ $values.admission.port }}
- --admission.cert-file=/etc/watchfire/admission/tls.crt
- --admission.key-file=/etc/watchfire/admission/tls.key
- --admission.name-validation-scheme={{ $values.admission.nameValidationScheme }}
{{- with $values.admission.promqlFeatures }}
- --admission.promql-features={{ join "," . }}
{{- end }}
{{- end }}
- --storage.path=/data
{{- with $values.web.externalUrl }}
- {{ printf "--web.external-url=%s" . | quote }}
{{- end }}
{{- with $values.web.routePrefix }}
- {{ printf "--web.route-prefix=%s" . | quote }}
{{- end }}
{{- if $values.web.configSecret }}
- --web.config.file=/etc/watchfire/web/{{ $values.web.configKey }}
{{- end }}
- --log.level={{ $values.log.level }}
- --log.format={{ $values.log.format }}
{{- end -}}

{{/* Whom the flag names: nobody where the configuration does, as flags win over it. */}}
{{- define "watchfire.queryUrl" -}}
{{- $config := .Values.rulesConfig -}}
{{- if not (or $config.existingSecret (hasKey $config.content "query") (hasKey $config.content "query_sources")) -}}{{ .Values.queryUrl }}{{- end -}}
{{- end -}}

{{/* "true" where a component asks the Kubernetes API. */}}
{{- define "watchfire.needsApi" -}}
{{- $rules := and (ne .component "notifier") (or .root.Values.kubernetesRules.enabled .root.Values.rbac.discovery.enabled) -}}
{{- $configs := and (ne .component "rules") .root.Values.alertmanagerConfigs.enabled -}}
{{- if or $rules $configs -}}true{{- else -}}false{{- end -}}
{{- end -}}

{{/* "true" where the rule service has a configuration file. */}}
{{- define "watchfire.hasRulesConfig" -}}
{{- if or .Values.rulesConfig.existingSecret .Values.rulesConfig.content .Values.kubernetesRules.enabled -}}true{{- end -}}
{{- end -}}

{{/* That file. */}}
{{- define "watchfire.rulesConfigContent" -}}
{{- $content := deepCopy .Values.rulesConfig.content -}}
{{- if .Values.kubernetesRules.enabled -}}
{{- $section := dict -}}
{{- range $key, $value := omit .Values.kubernetesRules "enabled" -}}
{{- /* {} selects everything, nothing written does not */ -}}
{{- if or $value (and (has $key (list "ruleSelector" "ruleNamespaceSelector")) (not (kindIs "invalid" $value))) }}{{ $_ := set $section $key $value }}{{ end -}}
{{- end -}}
{{- with include "watchfire.lease" . }}{{ $_ := set $section "lease" . }}{{ end -}}
{{- $_ := set $content "kubernetes" $section -}}
{{- end -}}
{{- toYaml $content -}}
{{- end -}}

{{/* A label selector as kubectl takes it. */}}
{{- define "watchfire.selector" -}}
{{- $terms := list -}}
{{- range $key, $value := .matchLabels }}{{ $terms = append $terms (printf "%s=%s" $key $value) }}{{ end -}}
{{- range .matchExpressions -}}
{{- if eq .operator "In" }}{{ $terms = append $terms (printf "%s in (%s)" .key (join "," .values)) }}
{{- else if eq .operator "NotIn" }}{{ $terms = append $terms (printf "%s notin (%s)" .key (join "," .values)) }}
{{- else if eq .operator "Exists" }}{{ $terms = append $terms .key }}
{{- else }}{{ $terms = append $terms (printf "!%s" .key) }}{{ end -}}
{{- end -}}
{{- join "," $terms -}}
{{- end -}}
