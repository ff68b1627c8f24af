variable "base" {
  description = "What terraform/base-infra made: its output ml_platform, which read-base-infra.sh writes to environments/<environment>.base.tfvars.json."
  type = object({
    environment = string
    tenant_id   = string
    cluster = object({
      host           = string
      ca_certificate = string
    })
    registry_login_server = string
    storage_blob_endpoint = string
    key_vault_uri         = string
    postgres_fqdn         = string
    redis_port            = number
    dns_zone_id           = optional(string)
    client_ids            = map(string)
    secrets               = map(list(string))
    network = object({
      virtual_network   = string
      private_endpoints = string
      pods              = string
      services          = string
    })
  })
  nullable = false

  validation {
    condition     = var.base.environment == var.environment
    error_message = "base is of environment ${jsonencode(var.base.environment)}, but environment is ${jsonencode(var.environment)}: one environment's platform must not go into the other's cluster."
  }

  validation {
    condition     = can(regex("^https://[a-z0-9.-]+:[0-9]+$", var.base.cluster.host)) && can(base64decode(var.base.cluster.ca_certificate))
    error_message = "base: cluster.host must be https://<name>:<port> and cluster.ca_certificate base64, as the outputs of base-infra have them."
  }

  validation {
    condition     = can(regex("^https://[a-z0-9.-]+$", var.base.storage_blob_endpoint)) && can(regex("^https://[a-z0-9.-]+/?$", var.base.key_vault_uri))
    error_message = "base: storage_blob_endpoint and key_vault_uri must be https URLs; the first without a slash at its end."
  }

  validation {
    condition     = length(setsubtract(["external-secrets", "mlflow", "release-manager", "training"], keys(var.base.client_ids))) == 0
    error_message = "base: client_ids must have external-secrets, mlflow, release-manager and training, as in base-infra's access.yaml."
  }

  validation {
    condition = alltrue([
      for component, secret in { mlflow = "mlflow-db-password", kubeflow-pipelines = "kubeflow-db-password", grafana = "grafana-admin-password" } :
      contains(lookup(var.base.secrets, component, []), secret)
    ])
    error_message = "base: secrets must hand out mlflow-db-password, kubeflow-db-password and grafana-admin-password, as in base-infra's access.yaml."
  }

  validation {
    condition     = alltrue([for range in values(var.base.network) : can(cidrnetmask(range))])
    error_message = "base: the ranges of network must be IPv4 in CIDR notation, as the output network of base-infra has them."
  }
}
