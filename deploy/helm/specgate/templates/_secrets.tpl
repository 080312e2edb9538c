{{- /* Whether a text holds a secret itself, once what refers to others is out of it: a password in an address, or all but memory. */ -}}
{{- define "specgate.holdsSecret" -}}
{{- $plain := replace "$${" "$" . -}}
{{- $rest := regexReplaceAll "\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}|\\$\\([A-Za-z_][A-Za-z0-9_]*\\)" $plain "" -}}
{{- if contains "://" $plain -}}
{{- if regexMatch "(?i)://[^@]*:[^@]+@|[?&][a-z]*password=." $rest }}true{{ end -}}
{{- else if and (eq $rest $plain) (not (has $plain (list "" "memory"))) }}true{{ end -}}
{{- end }}

{{- /* Follows the steps to a secret, an asterisk for any, and refuses what is written out there: value, steps, path. */ -}}
{{- define "specgate.refuseLiteral" -}}
{{- if kindIs "slice" .value -}}
{{- range $i, $value := .value }}{{ include "specgate.refuseLiteral" (dict "value" $value "steps" (rest $.steps) "path" (printf "%s[%d]" $.path $i)) }}{{ end -}}
{{- else if kindIs "map" .value -}}
{{- range $name, $value := .value }}{{ if has (first $.steps) (list "*" $name) }}{{ include "specgate.refuseLiteral" (dict "value" $value "steps" (rest $.steps) "path" (printf "%s.%s" $.path $name)) }}{{ end }}{{ end -}}
{{- else if and (kindIs "string" .value) (include "specgate.holdsSecret" .value) -}}
{{- fail (printf "%s holds a secret, and would be in a ConfigMap for more to read: put it into secret, or the Secret of existingSecret, under a name such as MY_SECRET, and write ${MY_SECRET} here" .path) -}}
{{- end -}}
{{- end }}

{{- /* Refused is a secret where it would be neither in a Secret nor in a file of one; files/secrets.json is of the gateway's settings. */ -}}
{{- define "specgate.checkSecrets" -}}
{{- $secrets := .Files.Get "files/secrets.json" | fromJson -}}
{{- range $secrets.settings }}{{ include "specgate.refuseLiteral" (dict "value" $.Values.config "steps" (splitList "." .) "path" "config") }}{{ end -}}
{{- $last := list -}}
{{- range $secrets.settings }}{{ $last = append $last (splitList "." . | last) }}{{ end -}}
{{- range .Values.extraEnv -}}
{{- $known := or (has .name $secrets.variables) (regexMatch (printf "(%s): ['\"]?\\$\\{%s\\}" (join "|" $last) .name) (toYaml $.Values.config)) -}}
{{- if and $known (include "specgate.holdsSecret" (.value | default "" | toString)) }}{{ fail (printf "%s holds a secret, and would be in the Deployment for more to read: put it into secret, or take it from a Secret by valueFrom" .name) }}{{ end -}}
{{- end -}}
{{- $names := keys .Values.secret -}}
{{- range .Values.extraEnv }}{{ $names = append $names .name }}{{ end -}}
{{- range $secrets.variables }}{{ if and (has . $names) (has (printf "%s_FILE" .) $names) }}{{ fail (printf "%s and %s_FILE are both set: leave one of them out" . .) }}{{ end }}{{ end -}}
{{- $ops := get .Values.secret "SPECGATE_OPS_TOKEN" -}}
{{- if and $ops (lt (len $ops) 16) }}{{ fail "SPECGATE_OPS_TOKEN has fewer than 16 characters, with which the gateway does not start: make one with openssl rand -hex 32, or leave it out, and one is made" }}{{ end -}}
{{- if and $ops (has $ops (splitList "," (get .Values.secret "SPECGATE_API_KEY"))) }}{{ fail "SPECGATE_OPS_TOKEN is a caller's token too: give operators one of their own" }}{{ end -}}
{{- end }}
