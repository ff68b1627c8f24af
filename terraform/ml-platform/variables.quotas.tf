variable "quotas" {
  description = "By namespace, every one of them: what its pods may ask for together, and one container at most; `default_memory` is the limit of a container that has none."
  type = map(object({
    cpu              = string
    memory           = string
    memory_limit     = optional(string)
    storage          = optional(string, "1Gi")
    pods             = number
    volume_claims    = optional(number, 0)
    container_cpu    = optional(string, "4")
    container_memory = optional(string, "8Gi")
    default_memory   = optional(string, "512Mi")
  }))
  nullable = false

  validation {
    condition     = toset(keys(var.quotas)) == toset(keys(local.namespaces))
    error_message = "quotas must be given for each namespace and no other: ${join(", ", keys(local.namespaces))}."
  }

  validation {
    condition = alltrue([
      for quota in values(var.quotas) : can(regex("^[1-9][0-9]*m?$", quota.cpu)) && can(regex("^[1-9][0-9]*m?$", quota.container_cpu))
    ])
    error_message = "quotas: cpu and container_cpu must be cores such as 16, or thousandths such as 500m."
  }

  validation {
    condition = alltrue(flatten([
      for quota in values(var.quotas) : [
        for size in compact([quota.memory, quota.memory_limit, quota.storage, quota.container_memory, quota.default_memory]) : can(regex("^[1-9][0-9]*(Mi|Gi|Ti)$", size))
      ]
    ]))
    error_message = "quotas: memory, memory_limit, storage, container_memory and default_memory must be sizes such as 64Gi."
  }

  validation {
    condition     = alltrue([for quota in values(var.quotas) : quota.pods >= 1 && quota.volume_claims >= 0 && floor(quota.pods) == quota.pods])
    error_message = "quotas: pods must be whole numbers from 1 and volume_claims must not be negative: a namespace without pods does nothing."
  }

  # The gateway grows to 10 pods, each with the volume of its spool, and every use case to 10.
  validation {
    condition     = var.environment != "prod" || try(var.quotas["serving"].pods >= 40 && var.quotas["serving"].volume_claims >= 10, false)
    error_message = "quotas: serving must have room for at least 40 pods and 10 volume_claims in prod: the gateway alone grows to 10, each with its spool."
  }
}
