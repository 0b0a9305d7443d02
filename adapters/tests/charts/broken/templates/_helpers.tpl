{{- define "broken.deep" -}}
{{- $x := .Values.case -}}
{{ .Values.case.no.such }}
{{- end -}}
