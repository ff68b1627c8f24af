variable "environment" {
  description = "Which environment this is: dev or prod."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "environment is ${jsonencode(var.environment)}; it must be dev or prod, as in environments/dev.tfvars and environments/prod.tfvars."
  }
}

variable "login" {
  description = "How kubelogin signs in to the cluster: azurecli for people, workloadidentity or msi for a pipeline."
  type        = string
  default     = "azurecli"
  nullable    = false

  validation {
    condition     = contains(["azurecli", "workloadidentity", "msi", "spn"], var.login)
    error_message = "login is ${jsonencode(var.login)}; it must be azurecli, workloadidentity, msi or spn, as `kubelogin get-token --login` takes it."
  }
}

variable "groups" {
  description = "Object ids of Entra groups: operators can read and restart, viewers can read. Neither can read secrets."
  type = object({
    operators = optional(list(string), [])
    viewers   = optional(list(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for id in concat(var.groups.operators, var.groups.viewers) : can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", id))
    ])
    error_message = "groups must be object ids of Entra groups (lower-case UUIDs), not names."
  }
}

variable "ingress" {
  description = <<-TEXT
    The one way in: Istio's ingress gateway. `internal` puts its load balancer into the virtual network, `source_ranges`
    restricts its clients, `acme` has certificates signed by a public authority, to which a record in base-infra's `dns_zone_id` proves
    that the name is ours, so the gateway need not be reachable for it. Without `acme` the platform signs them.
  TEXT
  type = object({
    internal      = optional(bool, true)
    source_ranges = optional(list(string), [])
    acme = optional(object({
      server = optional(string, "https://acme-v02.api.letsencrypt.org/directory")
      email  = string
    }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for range in var.ingress.source_ranges : can(cidrhost(range, 0)) && !endswith(range, "/0")])
    error_message = "ingress: source_ranges must be in CIDR notation and must not include every address (/0)."
  }

  validation {
    condition     = var.ingress.internal || length(var.ingress.source_ranges) > 0
    error_message = "ingress: source_ranges must name the permitted clients if the load balancer is public (internal = false)."
  }

  validation {
    condition     = var.ingress.acme == null || (can(regex("^https://", var.ingress.acme.server)) && can(regex("^[^@ ]+@[^@ ]+$", var.ingress.acme.email)))
    error_message = "ingress: acme needs an https server and the e-mail address that is notified of expiring certificates."
  }

  validation {
    condition     = var.ingress.acme == null || (var.base.dns_zone_id != null && contains(keys(var.base.client_ids), "cert-manager"))
    error_message = "ingress: acme needs a DNS zone in which the name can be validated; set dns_zone_id in base-infra and run read-base-infra.sh again."
  }
}

variable "extra_secrets" {
  description = "By namespace: secrets of the vault that it may read in addition to those of base-infra's access.yaml; the drift webhook is created manually."
  type        = map(list(string))
  default     = { monitoring = ["drift-webhook-url"] }
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.extra_secrets), ["kubeflow", "mlflow", "monitoring", "ray", "serving"])) == 0
    error_message = "extra_secrets must name namespaces of the platform: kubeflow, mlflow, monitoring, ray or serving."
  }

  validation {
    condition     = !contains(flatten(values(var.extra_secrets)), "postgres-admin-password")
    error_message = "extra_secrets must not hand out postgres-admin-password: no program of the cluster administers the database."
  }
}
