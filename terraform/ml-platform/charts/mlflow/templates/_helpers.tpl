{{- define "mlflow.labels" -}}
app.kubernetes.io/name: mlflow
app.kubernetes.io/part-of: mlplatform
app.kubernetes.io/version: {{ .Values.image.tag | quote }}
{{- end }}

{{/* The password is libpq's PGPASSWORD: it is in no command line and in no log. */}}
{{- define "mlflow.database" -}}
postgresql://{{ .Values.database.user }}@{{ .Values.database.host }}:{{ .Values.database.port }}/{{ .Values.database.name }}?sslmode={{ .Values.database.sslmode }}{{ if hasPrefix "verify" .Values.database.sslmode }}&sslrootcert=/etc/ssl/certs/ca-certificates.crt{{ end }}
{{- end }}

{{- define "mlflow.environment" -}}
- name: HOME
  value: /tmp
- name: MLFLOW_DISABLE_TELEMETRY
  value: "true"
- name: DO_NOT_TRACK
  value: "1"
- name: MLFLOW_BACKEND_STORE_URI
  value: {{ include "mlflow.database" . | quote }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.secret }}
      key: password
{{- end }}

{{- define "mlflow.artifacts" -}}
{{- with .Values.artifacts.s3.endpointUrl }}
- name: MLFLOW_S3_ENDPOINT_URL
  value: {{ . | quote }}
{{- end }}
{{- with .Values.artifacts.s3.secret }}
- name: AWS_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: S3_ACCESS_KEY_ID
- name: AWS_SECRET_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: S3_SECRET_ACCESS_KEY
{{- end }}
{{- end }}

{{- define "mlflow.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "mlflow.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "mlflow.hosts" -}}
mlflow.{{ .Release.Namespace }}:5000,mlflow.{{ .Release.Namespace }}.svc:5000,mlflow.{{ .Release.Namespace }}.svc.cluster.local:5000,localhost:5000
{{- end }}
