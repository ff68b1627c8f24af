locals {
  production = var.environment == "prod"

  # AKS' own application in Entra ID, the same in every tenant of Azure's public cloud.
  kubernetes_server_id = "6dae42f8-4368-4678-94ff-3960e28e3630"

  kubelogin = {
    api_version = "client.authentication.k8s.io/v1"
    command     = "kubelogin"
    args        = ["get-token", "--login", var.login, "--server-id", local.kubernetes_server_id]
  }

  labels = {
    "app.kubernetes.io/part-of"    = "mlplatform"
    "app.kubernetes.io/managed-by" = "terraform"
  }

  # For containers of third-party charts that let us set the security context.
  container_security = {
    allowPrivilegeEscalation = false
    readOnlyRootFilesystem   = true
    runAsNonRoot             = true
    capabilities             = { drop = ["ALL"] }
    seccompProfile           = { type = "RuntimeDefault" }
  }

  # Pods of one component go to different nodes while there are any.
  spread = {
    for component, labels in local.spread_labels : component => [
      for key in ["topology.kubernetes.io/zone", "kubernetes.io/hostname"] : {
        maxSkew           = 1
        topologyKey       = key
        whenUnsatisfiable = "ScheduleAnyway"
        labelSelector     = { matchLabels = labels }
      }
    ]
  }

  spread_labels = {
    istiod         = { app = "istiod" }
    ingressgateway = { istio = "ingressgateway" }
  }

  # Reinstalls a local chart when one of its files changes: the Helm provider only compares values.
  chart_hash = {
    for chart in ["certificates", "mesh", "mlflow", "monitors", "secrets"] : chart => sha256(join("", [
      for file in sort(fileset("${path.module}/charts/${chart}", "**")) : filesha256("${path.module}/charts/${chart}/${file}")
    ]))
  }
}
