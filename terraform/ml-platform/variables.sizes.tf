variable "replicas" {
  description = "Pods of each component. Prometheus and Alertmanager are counted in var.monitoring."
  type = object({
    control_plane = number
    mlflow        = number
    ingress       = object({ min = number, max = number })
    activator     = object({ min = number, max = number })
  })
  nullable = false

  validation {
    condition = alltrue([
      for count in [var.replicas.control_plane, var.replicas.mlflow, var.replicas.ingress.min, var.replicas.activator.min] :
      count >= 1 && count <= 20 && floor(count) == count
    ])
    error_message = "replicas must be whole numbers from 1 to 20; a component with 0 pods cannot answer."
  }

  validation {
    condition     = var.replicas.ingress.max >= var.replicas.ingress.min && var.replicas.activator.max >= var.replicas.activator.min
    error_message = "replicas: max must not be below min."
  }

  validation {
    condition = var.environment != "prod" || alltrue([
      for count in [var.replicas.control_plane, var.replicas.mlflow, var.replicas.ingress.min, var.replicas.activator.min] : count >= 2
    ])
    error_message = "replicas must be at least 2 everywhere in prod: a node that is drained must not stop the platform."
  }
}

variable "mlflow" {
  description = "Size of a pod of the tracking server; `workers` are its processes."
  type = object({
    workers = optional(number, 2)
    cpu     = optional(string, "500m")
    memory  = optional(string, "2Gi")
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.mlflow.workers >= 1 && var.mlflow.workers <= 16 && floor(var.mlflow.workers) == var.mlflow.workers
    error_message = "mlflow: workers must be a whole number from 1 to 16."
  }
}

variable "monitoring" {
  description = "Prometheus, Alertmanager and Grafana. `webhook_secret` names a secret of the namespace monitoring whose key `url` gets the alerts."
  type = object({
    replicas       = number
    retention_days = number
    storage        = string
    cpu            = string
    memory         = string
    webhook_secret = optional(string)
  })
  nullable = false

  validation {
    condition     = var.monitoring.replicas >= 1 && var.monitoring.replicas <= 3 && floor(var.monitoring.replicas) == var.monitoring.replicas
    error_message = "monitoring: replicas must be 1, 2 or 3."
  }

  validation {
    condition     = var.environment != "prod" || var.monitoring.replicas >= 2
    error_message = "monitoring: replicas must be at least 2 in prod: monitoring must survive the loss of a node."
  }

  validation {
    condition     = var.monitoring.retention_days >= (var.environment == "prod" ? 15 : 1)
    error_message = "monitoring: retention_days must be at least 1, and at least 15 in prod, so that two weeks can be compared."
  }

  validation {
    condition     = can(regex("^[1-9][0-9]*Gi$", var.monitoring.storage))
    error_message = "monitoring: storage must be a size in Gi such as 64Gi."
  }
}

variable "staging" {
  description = "Knative, on which staging runs. An idle pod ends after `stable_window` and `grace_period`."
  type = object({
    stable_window     = optional(string, "60s")
    grace_period      = optional(string, "30s")
    concurrency       = optional(number, 20)
    progress_deadline = optional(string, "600s")
    max_pods          = optional(number, 4)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for time in [var.staging.stable_window, var.staging.grace_period, var.staging.progress_deadline] : can(regex("^[1-9][0-9]*s$", time))])
    error_message = "staging: times must be whole seconds such as 60s."
  }

  validation {
    condition     = var.staging.max_pods >= 1 && floor(var.staging.max_pods) == var.staging.max_pods
    error_message = "staging: max_pods must be a whole number from 1: without a limit one client fills the cluster."
  }
}
