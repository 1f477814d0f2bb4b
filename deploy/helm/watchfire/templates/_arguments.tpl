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
{{- with $values.evaluationInterval }}
- --evaluation.interval={{ . }}
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
{{- $rules := and (ne .component "notifier") .root.Values.kubernetesRules.enabled -}}
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
{{- toYaml $content -}}
{{- end -}}
