{{- define "mqtt-server.selector" -}}
app.kubernetes.io/name: mqtt-server
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "mqtt-server.labels" -}}
{{ include "mqtt-server.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "mqtt-server.port" -}}
{{ .Values.sliceway.port | default 8883 | int }}
{{- end }}

{{- /* Gateways come by TLS with a certificate of the slice and a password; the service beside the broker by loopback. */ -}}
{{- define "mqtt-server.configuration" -}}
per_listener_settings true
user root
log_dest stdout
persistence true
persistence_location /var/lib/mosquitto/
autosave_interval 30
max_queued_messages 100000

listener {{ include "mqtt-server.port" . }}
cafile /etc/sliceway/tls/ca.crt
certfile /etc/sliceway/tls/tls.crt
keyfile /etc/sliceway/tls/tls.key
require_certificate true
allow_anonymous false
password_file /etc/sliceway/clients/passwd
acl_file /etc/sliceway/clients/acl

listener 1883 127.0.0.1
allow_anonymous true
{{- end }}
