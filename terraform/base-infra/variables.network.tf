variable "dns_zone_id" {
  description = "Resource id of the public Azure DNS zone that has the gateway's name: cert-manager proves there that the name is ours. Without one the platform signs its certificates itself."
  type        = string
  default     = null

  validation {
    condition     = var.dns_zone_id == null || can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/Microsoft.Network/dnsZones/[a-z0-9.-]+$", var.dns_zone_id))
    error_message = "dns_zone_id must be the resource id of an Azure DNS zone: /subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.Network/dnsZones/<name>."
  }
}

variable "network" {
  description = <<-TEXT
    Address ranges (CIDR). `subnets` lie in `address_space`; pods and services have ranges of their own, which
    no network that is peered later may use. `authorized_ip_ranges`: public ranges that reach the
    Kubernetes API, the registry, the storage account and the vault from outside; without any these are
    private, as production must be. `trusted_ranges`: private ranges, of a peered hub or of build agents,
    that reach the private endpoints. `ingress_ip_ranges`: who reaches the gateway's load balancer on 443.
  TEXT
  type = object({
    address_space = string
    subnets = object({
      nodes             = string
      private_endpoints = string
    })
    pod_cidr             = string
    service_cidr         = string
    authorized_ip_ranges = optional(list(string), [])
    trusted_ranges       = optional(list(string), [])
    ingress_ip_ranges    = optional(list(string), [])
  })
  nullable = false

  validation {
    condition = alltrue([
      for range in concat(
        [var.network.address_space, var.network.pod_cidr, var.network.service_cidr], values(var.network.subnets),
        var.network.authorized_ip_ranges, var.network.trusted_ranges, var.network.ingress_ip_ranges,
      ) : can(regex("^[0-9.]+/[0-9]+$", range)) && try(cidrhost(range, 0) == split("/", range)[0], false)
    ])
    error_message = "network: every range must be IPv4 in CIDR notation with zeroes after the prefix, such as 10.0.0.0/16."
  }

  validation {
    condition     = try(tonumber(split("/", var.network.subnets.private_endpoints)[1]) <= 28, true)
    error_message = "network: subnets.private_endpoints must be a /28 or larger; there are six endpoints and Azure keeps five addresses."
  }

  validation {
    condition     = try(tonumber(split("/", var.network.service_cidr)[1]) >= 12 && tonumber(split("/", var.network.service_cidr)[1]) <= 24, true)
    error_message = "network: service_cidr must be between /12 (what AKS allows) and /24 (room for the platform's services)."
  }

  validation {
    condition     = var.environment != "prod" || length(var.network.authorized_ip_ranges) == 0
    error_message = "network: authorized_ip_ranges must be empty in prod: the Kubernetes API and every store are private there."
  }

  validation {
    condition     = alltrue([for range in var.network.authorized_ip_ranges : try(tonumber(split("/", range)[1]) >= 16 && split("/", range)[1] != "31", false)])
    error_message = "network: authorized_ip_ranges must be /16 or smaller, and not /31, which Azure Storage refuses: they are offices and build agents, not the internet."
  }
}
