{{- define "shelf.x" }}x{{ end }}
