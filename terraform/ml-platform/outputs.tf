output "namespaces" {
  description = "Namespaces of the platform, with what Pod Security enforces in each."
  value       = { for name, namespace in local.namespaces : name => namespace.pod_security }
}

output "versions" {
  description = "What is installed, by component."
  value       = { for component, of in local.versions : component => of.version }
}

output "mlflow_url" {
  description = "MLFLOW_TRACKING_URI inside the cluster."
  value       = "http://mlflow.${helm_release.mlflow.namespace}.svc.cluster.local:5000"
}

output "kubeflow_pipelines_url" {
  description = "Kubeflow Pipelines' API inside the namespace kubeflow; from outside by `kubectl port-forward`."
  value       = "http://ml-pipeline.${kubernetes_namespace_v1.main["kubeflow"].metadata[0].name}.svc.cluster.local:8888"
}

output "secret_store" {
  description = "Kind and name of the store that ExternalSecrets name."
  value       = { kind = "ClusterSecretStore", name = "key-vault" }
}

output "readable_secrets" {
  description = "By namespace: the secrets of the vault that its ExternalSecrets may name."
  value       = local.readable_secrets
}

output "cluster_issuer" {
  description = "ClusterIssuer that signs the gateway's certificate."
  value       = "platform"
}

output "connections" {
  description = "Who may talk to whom, as <flow>/<from>/<to> and ports; everything else is denied."
  value       = { for name, connection in local.connections : name => connection.ports }
}
