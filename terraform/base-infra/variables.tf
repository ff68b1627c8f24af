variable "environment" {
  description = "Which environment this is: dev or prod."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "environment is ${jsonencode(var.environment)}; it must be dev or prod, as in environments/dev.tfvars and environments/prod.tfvars."
  }
}

variable "name" {
  description = "Short name of the platform; every Azure name is made of it, the environment and a suffix."
  type        = string
  default     = "mlplatform"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{2,11}$", var.name))
    error_message = "name is ${jsonencode(var.name)}; it must be 3 to 12 lower-case letters and digits, beginning with a letter: Azure allows 24 characters for a storage account or key vault, and type, environment and suffix take 12 of them."
  }
}

variable "location" {
  description = "Azure region, as `az account list-locations` names it. Production needs one with three availability zones."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]+$", var.location))
    error_message = "location is ${jsonencode(var.location)}; it must be a region's short name such as westeurope, in lower case without spaces."
  }
}

variable "tags" {
  description = "Additional tags of every resource."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setintersection(keys(var.tags), ["environment", "platform", "managed-by"])) == 0
    error_message = "tags must not set environment, platform or managed-by: this root sets them."
  }
}

variable "administrator_group_ids" {
  description = "Object ids of the Entra groups that administer the cluster and may set secrets. Default: the account that applies."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.administrator_group_ids : can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", id))])
    error_message = "administrator_group_ids must be object ids of Entra groups (lower-case UUIDs), not names."
  }
}

variable "image_publisher_ids" {
  description = "Object ids of the principals that may push images: the service principal of the build."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.image_publisher_ids : can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", id))])
    error_message = "image_publisher_ids must be object ids of Entra principals (lower-case UUIDs), not names."
  }
}

variable "api_keys" {
  description = "Callers of the gateway, without the platform itself: name, role and the SHA-256 of the key in hexadecimal. Never the key."
  type = list(object({
    name   = string
    role   = string
    sha256 = string
  }))
  default  = []
  nullable = false

  validation {
    condition     = alltrue([for key in var.api_keys : contains(["viewer", "operator", "admin"], key.role)])
    error_message = "api_keys: the role of a key must be viewer, operator or admin."
  }

  validation {
    condition     = alltrue([for key in var.api_keys : can(regex("^[0-9a-f]{64}$", key.sha256))])
    error_message = "api_keys: sha256 must be the 64 hexadecimal digits of the key's SHA-256, never the key itself."
  }

  validation {
    condition = length(setintersection(
      var.api_keys[*].sha256,
      [for role in ["viewer", "operator", "admin"] : sha256("test-${role}-key")],
    )) == 0
    error_message = "api_keys: the documented development keys must not be used in Azure, because they are public."
  }
}

variable "secrets_generation" {
  description = "Counted up to replace every generated password, token and key."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.secrets_generation >= 1 && floor(var.secrets_generation) == var.secrets_generation
    error_message = "secrets_generation must be a whole number from 1."
  }
}
