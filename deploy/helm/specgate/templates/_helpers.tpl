{{- define "specgate.name" -}}
{{- $name := include "specgate.chart" . -}}
{{- .Values.fullnameOverride | default (contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "specgate.chart" -}}
{{ .Values.nameOverride | default .Chart.Name }}
{{- end }}

{{- define "specgate.account" -}}
{{ .Values.serviceAccount.name | default (.Values.serviceAccount.create | ternary (include "specgate.name" .) "default") }}
{{- end }}

{{- define "specgate.selector" -}}
app.kubernetes.io/name: {{ include "specgate.chart" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "specgate.labels" -}}
{{ include "specgate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The seconds, rounded up, of a duration as the settings have it: 1m30s is 90. */ -}}
{{- define "specgate.seconds" -}}
{{- $text := . | toString -}}
{{- if not (regexMatch "^(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ms|us|ns|h|m|s))+$|^0$" $text) }}{{ fail (printf "%q is not a duration: write numbers with their units, such as 30s or 1m30s" $text) }}{{ end -}}
{{- $units := dict "h" 3600.0 "m" 60.0 "s" 1.0 "ms" 0.001 "us" 0.000001 "ns" 0.000000001 -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9.]+(ms|us|ns|h|m|s)" $text -1 -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- $sum = addf $sum (mulf (trimSuffix $unit . | float64) (get $units $unit)) -}}
{{- end -}}
{{- ceil $sum | int64 -}}
{{- end }}

{{- /* How long a stream may take: the longest timeouts.total, an hour where none is set. Those of 0, which is none, are not among them. */ -}}
{{- define "specgate.longest" -}}
{{- $longest := ternary 0 3600 (gt (len (.Values.config.upstreams | default dict)) 0) -}}
{{- range $name, $upstream := .Values.config.upstreams | default dict -}}
{{- $seconds := include "specgate.seconds" (dig "timeouts" "total" "1h" $upstream) | int64 -}}
{{- $longest = max $longest $seconds -}}
{{- end -}}
{{- $longest -}}
{{- end }}

{{- /* The upstreams whose streams may go on without end. */ -}}
{{- define "specgate.endless" -}}
{{- range $name, $upstream := .Values.config.upstreams | default dict -}}
{{- if eq "0" (include "specgate.seconds" (dig "timeouts" "total" "1h" $upstream)) }}{{ $name }} {{ end -}}
{{- end -}}
{{- end }}

{{- define "specgate.delay" -}}
{{ include "specgate.seconds" (dig "shutdown" "delay" "0s" .Values.config) }}
{{- end }}

{{- define "specgate.drain" -}}
{{- $longest := include "specgate.longest" . | int64 -}}
{{- $endless := include "specgate.endless" . | trim -}}
{{- $drain := dig "shutdown" "drain" "" .Values.config | toString -}}
{{- $seconds := ternary (include "specgate.seconds" ($drain | default "0s") | int64) (add $longest 60) (ne $drain "") -}}
{{- if and $endless (or (eq $drain "") (le ($seconds | int64) 0)) }}{{ fail (printf "timeouts.total is 0 for %s, so that a stream may go on without end: set config.shutdown.drain to how long it may once its pod ends, or give timeouts.total a limit" $endless) }}{{ end -}}
{{- if le ($seconds | int64) $longest }}{{ fail (printf "config.shutdown.drain is %ds, and a stream may take %ds: make it longer, leave it out, or make timeouts.total of the upstreams shorter" ($seconds | int64) $longest) }}{{ end -}}
{{- $seconds -}}
{{- end }}

{{- define "specgate.several" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicas) 1) }}true{{ end -}}
{{- end }}

{{- /* A setting that a secret may hold: what the file says, the chart's secret, or that which is not seen here. */ -}}
{{- define "specgate.secretOf" -}}
{{- $env := dict -}}
{{- range .root.Values.extraEnv }}{{ $_ := set $env .name (.value | default "${SECRET}") }}{{ end -}}
{{- $unseen := ternary "${SECRET}" "" (ne .root.Values.existingSecret "") -}}
{{- get $env .variable | default (get .root.Values.secret .variable) | default .setting | default $unseen -}}
{{- end }}

{{- /* The mode that is in force: of the container's variables, those of a Secret, the file. */ -}}
{{- define "specgate.mode" -}}
{{- $mode := dig "auth" "mode" "" .Values.config -}}
{{- $mode = get .Values.secret "SPECGATE_AUTH_MODE" | default $mode -}}
{{- range .Values.extraEnv }}{{ if eq .name "SPECGATE_AUTH_MODE" }}{{ $mode = required "SPECGATE_AUTH_MODE is taken from elsewhere, which is not seen here: set config.auth.mode" .value }}{{ end }}{{ end -}}
{{- if and .Values.existingSecret (not $mode) }}{{ fail "existingSecret may hold SPECGATE_AUTH_MODE, which is not seen here: set config.auth.mode" }}{{ end -}}
{{- $mode | default "tokens" -}}
{{- end }}

{{- /* Whether a variable, or the file that it may be in, is handed to the container by what is seen here: root, variable. */ -}}
{{- define "specgate.given" -}}
{{- $there := false -}}
{{- range $name := list .variable (printf "%s_FILE" .variable) -}}
{{- if get $.root.Values.secret $name }}{{ $there = true }}{{ end -}}
{{- range $.root.Values.extraEnv }}{{ if eq .name $name }}{{ $there = true }}{{ end }}{{ end -}}
{{- end -}}
{{- if $there }}true{{ end -}}
{{- end }}

{{- /* Whether the token of the operations listener is somebody's own. */ -}}
{{- define "specgate.opsGiven" -}}
{{- if or (include "specgate.given" (dict "root" . "variable" "SPECGATE_OPS_TOKEN")) (dig "ops" "token" "" .Values.config) .Values.serviceMonitor.tokenSecret.name }}true{{ end -}}
{{- end }}

{{- /* Whether the chart makes one: wherever there is none, unless the settings say that it is to be open. */ -}}
{{- define "specgate.opsMade" -}}
{{- if not (or (include "specgate.opsGiven" .) (eq "true" (dig "ops" "open" "" .Values.config | toString))) }}true{{ end -}}
{{- end }}

{{- define "specgate.opsToken" -}}
{{- if or (include "specgate.opsGiven" .) (include "specgate.opsMade" .) }}true{{ end -}}
{{- end }}

{{- /* A Secret of its own, so that who may read metrics can be handed it and no other. */ -}}
{{- define "specgate.opsSecret" -}}
{{- $own := ternary (printf "%s-ops" (include "specgate.name" .)) (include "specgate.secretName" .) (eq "true" (include "specgate.opsMade" .)) -}}
{{- .Values.serviceMonitor.tokenSecret.name | default $own -}}
{{- end }}

{{- define "specgate.secretName" -}}
{{ .Values.existingSecret | default (include "specgate.name" .) }}
{{- end }}

{{- define "specgate.config" -}}
{{- $own := dict "listen" "0.0.0.0:8420" "ops_listen" "0.0.0.0:8421" -}}
{{- if .Values.tls.secretName }}{{ $_ := set $own "tls" (dict "cert_file" "/etc/specgate/tls/tls.crt" "key_file" "/etc/specgate/tls/tls.key") }}{{ end -}}
{{- if eq (include "specgate.mode" .) "keys" }}{{ $_ := set $own "usage" (dict "spool" (dig "usage" "spool" "/var/lib/specgate/spool" .Values.config)) }}{{ end -}}
{{- $shutdown := dict "delay" (printf "%ss" (include "specgate.delay" .)) "drain" (printf "%ss" (include "specgate.drain" .)) -}}
{{- mergeOverwrite (deepCopy .Values.config) $own (dict "shutdown" $shutdown) | toYaml -}}
{{- end }}
