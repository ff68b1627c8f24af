variable "storage" {
  description = <<-TEXT
    Storage account. Deleted blobs and containers come back for `soft_delete_days`, older versions for
    `version_days`. Inference logs become cool after `inference_log_cool_days` and go after `inference_log_days`;
    drift and quality reports go after `drift_report_days`.
  TEXT
  type = object({
    replication             = string
    soft_delete_days        = number
    version_days            = number
    inference_log_cool_days = number
    inference_log_days      = number
    drift_report_days       = number
  })
  nullable = false

  validation {
    condition     = contains(["LRS", "ZRS", "GRS", "RAGRS", "GZRS", "RAGZRS"], var.storage.replication)
    error_message = "storage: replication must be LRS, ZRS, GRS, RAGRS, GZRS or RAGZRS."
  }

  validation {
    condition     = var.environment != "prod" || contains(["ZRS", "GZRS", "RAGZRS"], var.storage.replication)
    error_message = "storage: replication must be ZRS, GZRS or RAGZRS in prod, so that the loss of a zone loses nothing."
  }

  validation {
    condition     = var.storage.soft_delete_days >= 1 && var.storage.soft_delete_days <= 365
    error_message = "storage: soft_delete_days must be between 1 and 365."
  }

  validation {
    condition     = var.environment != "prod" || (var.storage.soft_delete_days >= 14 && var.storage.version_days >= 14)
    error_message = "storage: soft_delete_days and version_days must be at least 14 in prod; restoring a ledger depends on them."
  }

  validation {
    condition     = var.storage.version_days >= 1 && var.storage.drift_report_days >= 1
    error_message = "storage: version_days and drift_report_days must be at least 1."
  }

  validation {
    condition     = var.storage.inference_log_cool_days >= 1 && var.storage.inference_log_days > var.storage.inference_log_cool_days
    error_message = "storage: inference_log_days must be more than inference_log_cool_days, and that at least 1."
  }
}

variable "redis" {
  description = "Azure Managed Redis, the online store: size, and whether it has a replica."
  type = object({
    sku_name          = string
    high_availability = bool
  })
  nullable = false

  validation {
    condition     = can(regex("^(Balanced_B|MemoryOptimized_M|ComputeOptimized_X)[0-9]+$", var.redis.sku_name))
    error_message = "redis: sku_name must be a size of Azure Managed Redis such as Balanced_B5."
  }

  validation {
    condition     = var.environment != "prod" || var.redis.high_availability
    error_message = "redis: high_availability must be true in prod; without a replica maintenance empties the online store."
  }
}

variable "postgres" {
  description = "PostgreSQL flexible server of MLflow and Kubeflow Pipelines."
  type = object({
    version               = optional(string, "16")
    sku_name              = string
    storage_mb            = number
    backup_retention_days = number
    geo_redundant_backup  = bool
    high_availability     = bool
  })
  nullable = false

  validation {
    condition     = contains(["14", "15", "16"], var.postgres.version)
    error_message = "postgres: version must be 14, 15 or 16: these MLflow and Kubeflow Pipelines are tested with."
  }

  validation {
    condition     = can(regex("^(B|GP|MO)_Standard_[A-Za-z0-9_]+$", var.postgres.sku_name))
    error_message = "postgres: sku_name must be <tier>_<size> such as GP_Standard_D2ds_v5."
  }

  validation {
    condition     = contains([32768, 65536, 131072, 262144, 524288, 1048576, 2097152, 4193280, 4194304, 8388608, 16777216], var.postgres.storage_mb)
    error_message = "postgres: storage_mb must be a disk size of Azure: 32768, 65536, 131072, 262144, 524288, 1048576 and so on."
  }

  validation {
    condition     = var.postgres.backup_retention_days >= 7 && var.postgres.backup_retention_days <= 35
    error_message = "postgres: backup_retention_days must be between 7 and 35."
  }

  validation {
    condition     = !(var.postgres.high_availability && startswith(var.postgres.sku_name, "B_"))
    error_message = "postgres: burstable sizes (B_) have no standby; take GP_ or MO_ with high_availability."
  }

  validation {
    condition     = var.environment != "prod" || (var.postgres.high_availability && var.postgres.geo_redundant_backup)
    error_message = "postgres: high_availability and geo_redundant_backup must be true in prod."
  }
}

variable "log_retention_days" {
  description = "How long Log Analytics keeps logs, audit logs among them."
  type        = number
  nullable    = false

  validation {
    condition     = var.log_retention_days >= 30 && var.log_retention_days <= 730
    error_message = "log_retention_days must be between 30 and 730."
  }

  validation {
    condition     = var.environment != "prod" || var.log_retention_days >= 90
    error_message = "log_retention_days must be at least 90 in prod, so that an intrusion can be traced."
  }
}
