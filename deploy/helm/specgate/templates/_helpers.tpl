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

{{- /* Whether the operations listener asks for a token, as far as it is seen here. */ -}}
{{- define "specgate.opsToken" -}}
{{- $there := or (get .Values.secret "SPECGATE_OPS_TOKEN") (dig "ops" "token" "" .Values.config) .Values.serviceMonitor.tokenSecret.name -}}
{{- range .Values.extraEnv }}{{ if eq .name "SPECGATE_OPS_TOKEN" }}{{ $there = true }}{{ end }}{{ end -}}
{{- if $there }}true{{ end -}}
{{- end }}

{{- /* What several replicas need is refused here, and not found out by callers. */ -}}
{{- define "specgate.check" -}}
{{- $keys := eq (include "specgate.mode" .) "keys" -}}
{{- $store := include "specgate.secretOf" (dict "root" . "variable" "SPECGATE_STORE" "setting" (.Values.config.store | default "")) -}}
{{- $backend := include "specgate.secretOf" (dict "root" . "variable" "SPECGATE_LIMITS" "setting" (dig "limits" "backend" "" .Values.config)) -}}
{{- $limited := $keys -}}
{{- range dig "auth" "tokens" list .Values.config }}{{ if .limits }}{{ $limited = true }}{{ end }}{{ end -}}
{{- $shared := or (hasPrefix "postgres" $store) (hasPrefix "${" $store) -}}
{{- $counted := or (hasPrefix "redis" $backend) (hasPrefix "${" $backend) -}}
{{- if and $keys (include "specgate.several" .) (not $shared) }}{{ fail "several replicas cannot share keys in SQLite: set config.store, or SPECGATE_STORE in a secret, to postgres://, or run one replica without autoscaling" }}{{ end -}}
{{- if and $limited (include "specgate.several" .) (not $counted) }}{{ fail "several replicas would each grant the limits of callers in full: set config.limits.backend, or SPECGATE_LIMITS in a secret, to redis://, or run one replica without autoscaling" }}{{ end -}}
{{- if and $keys (not $shared) (not .Values.persistence.enabled) }}{{ fail "keys in SQLite would be lost with the pod: set persistence.enabled, or config.store to postgres://" }}{{ end -}}
{{- if and .Values.persistence.enabled (include "specgate.several" .) }}{{ fail "persistence is of one replica: turn it off, or run one replica without autoscaling" }}{{ end -}}
{{- if and .Values.existingSecret .Values.secret }}{{ fail "existingSecret and secret are both set: put all variables into one of them" }}{{ end -}}
{{- end }}

{{- /* As is what would be given twice, of which one would win without a word, and files that nothing mounts. */ -}}
{{- define "specgate.checkOwn" -}}
{{- range $key := list "listen" "ops_listen" }}{{ if hasKey $.Values.config $key }}{{ fail (printf "config.%s is the chart's own: its ports, probes and NetworkPolicy are those of 0.0.0.0:8420 and 0.0.0.0:8421; leave it out, and choose what callers connect to by service.port" $key) }}{{ end }}{{ end -}}
{{- $variables := keys .Values.secret -}}
{{- range .Values.extraEnv }}{{ $variables = append $variables .name }}{{ end -}}
{{- range $name := list "SPECGATE_CONFIG" "SPECGATE_LISTEN" "SPECGATE_OPS_LISTEN" }}{{ if has $name $variables }}{{ fail (printf "%s is the chart's own: settings are in config, and are read while it runs with reload" $name) }}{{ end }}{{ end -}}
{{- if and .Values.tls.secretName (dig "tls" "cert_file" (dig "tls" "key_file" "" .Values.config) .Values.config) }}{{ fail "tls.secretName and config.tls both name a certificate: leave one of them out" }}{{ end -}}
{{- $there := ternary (list "/var/lib/specgate") list .Values.persistence.enabled -}}
{{- range .Values.extraVolumeMounts }}{{ $there = append $there .mountPath }}{{ end -}}
{{- range $setting, $file := dict "contract.overlay" (dig "contract" "overlay" "" .Values.config) "faults.file" (dig "faults" "file" "" .Values.config) "tls.cert_file" (dig "tls" "cert_file" "" .Values.config) -}}
{{- $found := or (eq $file "") (contains "${" $file) -}}
{{- range $there }}{{ if or (eq $file .) (hasPrefix (printf "%s/" (trimSuffix "/" .)) $file) }}{{ $found = true }}{{ end }}{{ end -}}
{{- if not $found }}{{ fail (printf "config.%s is %s, which nothing mounts: add its volume to extraVolumes and extraVolumeMounts, and name it by a path below a mountPath of these" $setting $file) }}{{ end -}}
{{- end -}}
{{- end }}

{{- /* As is what nobody could reach, or everybody, and what Kubernetes would take and not be able to do. */ -}}
{{- define "specgate.checkCluster" -}}
{{- $open := dig "ops" "open" false .Values.config -}}
{{- if not (or .Values.networkPolicy.enabled (include "specgate.opsToken" .) $open) }}{{ fail "metrics would be open to the whole cluster: set SPECGATE_OPS_TOKEN in secret, or serviceMonitor.tokenSecret.name where it is in a Secret of yours, or networkPolicy.enabled, or config.ops.open to true" }}{{ end -}}
{{- $monitor := .Values.serviceMonitor -}}
{{- if and $monitor.enabled (include "specgate.opsToken" .) (not $monitor.tokenSecret.name) (not (get .Values.secret "SPECGATE_OPS_TOKEN")) }}{{ fail "Prometheus has to show the token of the operations listener, and cannot read it: put SPECGATE_OPS_TOKEN into secret, or name the Secret that has it in serviceMonitor.tokenSecret" }}{{ end -}}
{{- $blocks := 0 -}}
{{- range .Values.networkPolicy.from }}{{ if hasKey . "ipBlock" }}{{ $blocks = add $blocks 1 }}{{ end }}{{ end -}}
{{- if and .Values.networkPolicy.enabled .Values.networkPolicy.from (ne .Values.service.type "ClusterIP") (eq ($blocks | int) 0) }}{{ fail (printf "a service of the type %s has callers from outside, whom no selector of networkPolicy.from lets through: add an ipBlock, or make it ClusterIP" .Values.service.type) }}{{ end -}}
{{- $scaling := .Values.autoscaling -}}
{{- if and $scaling.enabled (gt (int $scaling.minReplicas) (int $scaling.maxReplicas)) }}{{ fail (printf "autoscaling.minReplicas is %d, and maxReplicas %d: make it no more than that" (int $scaling.minReplicas) (int $scaling.maxReplicas)) }}{{ end -}}
{{- if and (include "specgate.several" .) (regexMatch "^0+%?$" (.Values.podDisruptionBudget.maxUnavailable | toString)) }}{{ fail "podDisruptionBudget.maxUnavailable is 0, with which no node could be drained: make it 1 or more" }}{{ end -}}
{{- end }}

{{- define "specgate.checkIngress" -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}{{ fail "ingress.hosts is empty, and the ingress would take every name: add the names that callers use" }}{{ end -}}
{{- end }}

{{- define "specgate.secretName" -}}
{{ .Values.existingSecret | default (include "specgate.name" .) }}
{{- end }}

{{- define "specgate.config" -}}
{{- $own := dict "listen" "0.0.0.0:8420" "ops_listen" "0.0.0.0:8421" -}}
{{- if not (include "specgate.opsToken" .) }}{{ $_ := set $own "ops" (dict "open" true) }}{{ end -}}
{{- if .Values.tls.secretName }}{{ $_ := set $own "tls" (dict "cert_file" "/etc/specgate/tls/tls.crt" "key_file" "/etc/specgate/tls/tls.key") }}{{ end -}}
{{- if eq (include "specgate.mode" .) "keys" }}{{ $_ := set $own "usage" (dict "spool" (dig "usage" "spool" "/var/lib/specgate/spool" .Values.config)) }}{{ end -}}
{{- $shutdown := dict "delay" (printf "%ss" (include "specgate.delay" .)) "drain" (printf "%ss" (include "specgate.drain" .)) -}}
{{- mergeOverwrite (deepCopy .Values.config) $own (dict "shutdown" $shutdown) | toYaml -}}
{{- end }}
