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
{{- range $setting, $file := dict "contract.overlay" (dig "contract" "overlay" "" .Values.config) "faults.file" (dig "faults" "file" "" .Values.config) "tls.cert_file" (dig "tls" "cert_file" "" .Values.config) "tls.key_file" (dig "tls" "key_file" "" .Values.config) -}}
{{- $found := or (eq $file "") (contains "${" $file) -}}
{{- range $there }}{{ if or (eq $file .) (hasPrefix (printf "%s/" (trimSuffix "/" .)) $file) }}{{ $found = true }}{{ end }}{{ end -}}
{{- if not $found }}{{ fail (printf "config.%s is %s, which nothing mounts: add its volume to extraVolumes and extraVolumeMounts, and name it by a path below a mountPath of these" $setting $file) }}{{ end -}}
{{- end -}}
{{- end }}

{{- /* As is what nobody could reach, or everybody, and what Kubernetes would take and not be able to do. */ -}}
{{- define "specgate.checkCluster" -}}
{{- $monitor := .Values.serviceMonitor -}}
{{- if and $monitor.enabled (include "specgate.opsGiven" .) (not $monitor.tokenSecret.name) (not (get .Values.secret "SPECGATE_OPS_TOKEN")) }}{{ fail "Prometheus has to show the token of the operations listener, and cannot read it: put SPECGATE_OPS_TOKEN into secret, name the Secret that has it in serviceMonitor.tokenSecret, or give none, and one is made" }}{{ end -}}
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
