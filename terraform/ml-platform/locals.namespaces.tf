locals {
  # pod_security: what Pod Security enforces. Ours pass `restricted`; `baseline` is for programs of
  # others that are warned about where they do not. Only what must touch the nodes is privileged.
  namespaces = {
    serving          = { pod_security = "restricted", platform = true }
    ray              = { pod_security = "restricted", platform = true }
    mlflow           = { pod_security = "restricted", platform = true }
    monitoring       = { pod_security = "restricted", platform = true }
    kubeflow         = { pod_security = "baseline", platform = true }
    kserve           = { pod_security = "baseline", platform = false }
    knative-serving  = { pod_security = "baseline", platform = false }
    istio-system     = { pod_security = "baseline", platform = false }
    cert-manager     = { pod_security = "restricted", platform = false }
    external-secrets = { pod_security = "restricted", platform = false }
    node-agents      = { pod_security = "privileged", platform = false }
  }

  # Where people of the platform look and act; the others belong to the administrators.
  platform_namespaces = toset([for name, namespace in local.namespaces : name if namespace.platform])
}
