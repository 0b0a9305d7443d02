{{- define "mqtt-gateway.selector" -}}
app.kubernetes.io/name: mqtt-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "mqtt-gateway.labels" -}}
{{ include "mqtt-gateway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "mqtt-gateway.port" -}}
{{ .Values.sliceway.port | default 8883 | int }}
{{- end }}

{{- /* Devices come by TLS with a name and a password. Each uplink's folder holds a complete `connection`. */ -}}
{{- define "mqtt-gateway.configuration" -}}
per_listener_settings true
user root
log_dest stdout
persistence true
persistence_location /var/lib/mosquitto/
autosave_interval 5
max_queued_messages {{ .Values.queue | int }}

listener {{ include "mqtt-gateway.port" . }}
certfile /etc/sliceway/tls/tls.crt
keyfile /etc/sliceway/tls/tls.key
allow_anonymous false
password_file /etc/sliceway/clients/passwd
acl_file /etc/sliceway/clients/acl
{{- range .Values.sliceway.uplinks }}

include_dir /etc/sliceway/uplinks/{{ .name }}
{{- end }}
{{- end }}
