{{- /* Settings with which no pod would start, as the chart has it listen and hands it variables, are refused before there is one.
       What is wrong wherever it runs, specgate config check finds. */ -}}
{{- define "specgate.checkSettings" -}}
{{- range list "Reachable" "References" "Upstreams" }}{{ include (printf "specgate.check%s" .) $ }}{{ end -}}
{{- end }}

{{- /* What is refused on addresses that others can reach. */ -}}
{{- define "specgate.checkReachable" -}}
{{- $config := .Values.config -}}
{{- if and (eq "true" (dig "ops" "pprof" "" $config | toString)) (not (include "specgate.opsToken" .)) }}{{ fail "config.ops.pprof needs a token where others can reach it: leave out config.ops.open, and one is made, or put SPECGATE_OPS_TOKEN into secret" }}{{ end -}}
{{- $allow := dig "faults" "allow" "" $config | toString -}}
{{- if and (dig "faults" "file" "" $config) (ne $allow "true") (not (contains "${" $allow)) }}{{ fail "config.faults.file is for tests, and others can reach the pods: set config.faults.allow to true" }}{{ end -}}
{{- $cert := dig "tls" "cert_file" "" $config -}}
{{- $key := dig "tls" "key_file" "" $config -}}
{{- if and $cert (not $key) }}{{ fail "config.tls.key_file is missing: give the key of config.tls.cert_file, or both by tls.secretName" }}{{ end -}}
{{- if and $key (not $cert) }}{{ fail "config.tls.cert_file is missing: give the certificate of config.tls.key_file, or both by tls.secretName" }}{{ end -}}
{{- range $i, $token := dig "auth" "tokens" list $config -}}
{{- if eq (empty $token.token) (empty $token.sha256) }}{{ fail (printf "config.auth.tokens[%d] must have either token or sha256" $i) }}{{ end -}}
{{- end -}}
{{- if and (eq (include "specgate.mode" .) "passthrough") (eq "always" (dig "usage" "records" "" $config)) }}{{ fail "config.usage.records is always, and auth.mode is passthrough, with which nobody is known: set it to auto" }}{{ end -}}
{{- end }}

{{- /* Each ${NAME} needs a variable. Those of existingSecret are not seen. */ -}}
{{- define "specgate.checkReferences" -}}
{{- if contains "${" (include "specgate.mode" .) }}{{ fail "config.auth.mode refers to a variable, and the chart has to know it: write it out" }}{{ end -}}
{{- $known := list "HOSTNAME" "PATH" "SPECGATE_LISTEN" "KUBERNETES_SERVICE_HOST" "KUBERNETES_SERVICE_PORT" -}}
{{- if .Values.serviceMonitor.tokenSecret.name }}{{ $known = append $known "SPECGATE_OPS_TOKEN" }}{{ end -}}
{{- if not .Values.existingSecret -}}
{{- range regexFindAll "\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}" (.Values.config | toYaml | replace "$${" "$") -1 -}}
{{- $name := . | trimPrefix "${" | trimSuffix "}" -}}
{{- if not (or (has $name $known) (include "specgate.given" (dict "root" $ "variable" $name))) }}{{ fail (printf "config refers to %s, and nothing sets that variable: add %s to secret or extraEnv" . $name) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* That of OPENAI_BASE_URL is called default, and stands in for those of config. */ -}}
{{- define "specgate.checkUpstreams" -}}
{{- $upstreams := .Values.config.upstreams | default dict -}}
{{- $models := .Values.config.models | default dict -}}
{{- $base := include "specgate.given" (dict "root" . "variable" "OPENAI_BASE_URL") -}}
{{- range $name, $upstream := $upstreams }}{{ if not $upstream.base_url }}{{ fail (printf "config.upstreams.%s.base_url is missing: give the address of its API, such as http://vllm.models:8000/v1" $name) }}{{ end }}{{ end -}}
{{- if and $upstreams $base (not (contains "${OPENAI_BASE_URL}" (toYaml $upstreams))) }}{{ fail "OPENAI_BASE_URL is set beside config.upstreams: leave one of them out, or use it there as base_url: ${OPENAI_BASE_URL}" }}{{ end -}}
{{- if and (gt (len $upstreams) 1) (not $models) }}{{ fail "config.upstreams has several entries, and nothing says which of them gets a request: add config.models" }}{{ end -}}
{{- $none := not (or $upstreams $base .Values.existingSecret) -}}
{{- if and $models $none }}{{ fail "config.models is set, and there is no upstream for it: add config.upstreams, or OPENAI_BASE_URL to secret or extraEnv" }}{{ end -}}
{{- if and $none (eq (include "specgate.mode" .) "passthrough") }}{{ fail "auth.mode is passthrough, and there is no upstream to which a caller's key could go: add config.upstreams, or OPENAI_BASE_URL to secret or extraEnv" }}{{ end -}}
{{- $known := ternary (keys $upstreams) (list "default") (gt (len $upstreams) 0) -}}
{{- range $model, $entry := $models -}}
{{- range $entry.targets }}{{ if not (has .upstream $known) }}{{ fail (printf "config.models.%s has a target %q, and no upstream is called that" $model (.upstream | default "")) }}{{ end }}{{ else }}{{ fail (printf "config.models.%s has no targets: name at least one upstream" $model) }}{{ end -}}
{{- end -}}
{{- end }}
