{{/*
What is asked of the Kubernetes API, by what is on: a YAML list of grants, each with a name, rules, and the namespaces they are for; none of them is all.
*/}}
{{- define "watchfire.grants" -}}
{{- $own := list .Release.Namespace -}}
{{- $rules := .Values.kubernetesRules -}}
{{- $configs := .Values.alertmanagerConfigs -}}
{{- $seesLabels := false -}}
{{- if and (ne .Values.mode "notifier") $rules.enabled }}
- name: rules
  namespaces: {{ ternary $own $rules.namespaces (kindIs "invalid" $rules.ruleNamespaceSelector) | toJson }}
  rules:
    - apiGroups: [monitoring.coreos.com]
      resources: [prometheusrules]
      verbs: {{ ternary (list "get" "list" "watch") (list "list" "watch") (not (empty $rules.reportsFor)) | toJson }}
    {{- if $rules.reportsFor }}
    - apiGroups: [monitoring.coreos.com]
      resources: [prometheusrules/status]
      verbs: [patch]
    {{- end }}
    - apiGroups: [events.k8s.io]
      resources: [events]
      verbs: [create, patch]
{{- with include "watchfire.lease" . }}
- name: lease
  namespaces: {{ $own | toJson }}
  rules:
    # a name cannot limit what is created
    - apiGroups: [coordination.k8s.io]
      resources: [leases]
      verbs: [create]
    - apiGroups: [coordination.k8s.io]
      resources: [leases]
      resourceNames: [{{ . }}]
      verbs: [get, update]
{{- end }}
{{- if $rules.ruleNamespaceSelector }}{{ $seesLabels = true }}{{ end }}
{{- end }}
{{- if and (ne .Values.mode "rules") $configs.enabled }}
- name: configs
  namespaces: {{ ternary $own $configs.namespaces (and (kindIs "invalid" $configs.namespaceSelector) (not $configs.alertmanager)) | toJson }}
  rules:
    - apiGroups: [monitoring.coreos.com]
      resources: [alertmanagerconfigs]
      verbs: [get, list, watch]
    {{- if $configs.writeStatus }}
    - apiGroups: [monitoring.coreos.com]
      resources: [alertmanagerconfigs/status]
      verbs: [patch, update]
    {{- end }}
    # What objects name: passwords and certificates. With list and watch a change of them is noticed at once, otherwise within 30 s.
    - apiGroups: [""]
      resources: [secrets, configmaps]
      verbs: {{ ternary (list "get" "list" "watch") (list "get") $configs.watchSecrets | toJson }}
    - apiGroups: [events.k8s.io]
      resources: [events]
      verbs: [create, patch]
{{- if $configs.alertmanager }}
{{- $path := splitList "/" $configs.alertmanager }}
- name: alertmanager
  namespaces: {{ ternary $own (list (first $path)) (eq (len $path) 1) | toJson }}
  rules:
    - apiGroups: [monitoring.coreos.com]
      resources: [alertmanagers]
      verbs: [get, list, watch]
    - apiGroups: [""]
      resources: [secrets]
      verbs: [get]
{{- end }}
{{- if or $configs.namespaceSelector $configs.alertmanager }}{{ $seesLabels = true }}{{ end }}
{{- end }}
{{- if and (ne .Values.mode "notifier") .Values.rbac.discovery.enabled }}
- name: discovery
  namespaces: {{ .Values.rbac.discovery.namespaces | toJson }}
  rules:
    - apiGroups: [discovery.k8s.io]
      resources: [endpointslices]
      verbs: [get, list, watch]
    - apiGroups: [""]
      resources: [endpoints, services, pods]
      verbs: [get, list, watch]
{{- end }}
{{- if $seesLabels }}
# whose labels decide which objects are taken
- name: namespaces
  namespaces: []
  rules:
    - apiGroups: [""]
      resources: [namespaces]
      verbs: [list, watch]
{{- end }}
{{- end -}}

{{/* The Lease whose holder tells what is wrong with objects, where several replicas would. */}}
{{- define "watchfire.lease" -}}
{{- $settings := include "watchfire.settings" (dict "root" . "component" "rules") | fromYaml -}}
{{- $several := and (has .Values.mode (list "split" "rules")) (gt (int $settings.replicas) 1) -}}
{{- if and $several .Values.kubernetesRules.enabled (not .Values.rulesConfig.existingSecret) -}}
{{ include "watchfire.componentName" (dict "root" . "component" "rules") }}
{{- end -}}
{{- end -}}
