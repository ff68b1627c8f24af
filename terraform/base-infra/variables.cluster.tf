variable "cluster" {
  description = <<-TEXT
    AKS. `kubernetes_version` is a minor version: patches come by themselves, in the weekly window of four hours
    from `maintenance.start_time` (UTC). `host_encryption` needs the feature EncryptionAtHost registered in
    the subscription.
  TEXT
  type = object({
    kubernetes_version = string
    sku_tier           = string
    zones              = list(string)
    host_encryption    = optional(bool, true)
    maintenance = optional(object({
      day        = optional(string, "Sunday")
      start_time = optional(string, "02:00")
    }), {})
  })
  nullable = false

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.cluster.kubernetes_version))
    error_message = "cluster: kubernetes_version must be a minor version such as 1.33; automatic upgrades choose the patch."
  }

  validation {
    condition     = contains(["Free", "Standard", "Premium"], var.cluster.sku_tier)
    error_message = "cluster: sku_tier must be Free, Standard or Premium."
  }

  validation {
    condition     = var.environment != "prod" || var.cluster.sku_tier != "Free"
    error_message = "cluster: sku_tier must be Standard or Premium in prod; Free has no uptime agreement."
  }

  validation {
    condition     = length(distinct(var.cluster.zones)) == length(var.cluster.zones) && alltrue([for zone in var.cluster.zones : contains(["1", "2", "3"], zone)])
    error_message = "cluster: zones must be different ones of \"1\", \"2\" and \"3\"."
  }

  validation {
    condition     = var.environment != "prod" || length(var.cluster.zones) >= 2
    error_message = "cluster: prod must spread over at least two availability zones."
  }

  validation {
    condition     = var.environment != "prod" || var.cluster.host_encryption
    error_message = "cluster: host_encryption must be true in prod, so that temporary disks and caches are encrypted too."
  }

  validation {
    condition = alltrue([
      contains(["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"], var.cluster.maintenance.day),
      can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]$", var.cluster.maintenance.start_time)),
    ])
    error_message = "cluster: maintenance must name a day of the week and a start_time HH:MM in UTC."
  }
}

variable "node_pools" {
  description = <<-TEXT
    Autoscaled node pools: `system` for the cluster's own pods, `cpu` for the platform, `ray` (tainted) for training and batch.
    With `ray.gpu = true` and a GPU size the driver is installed and nodes carry the taint nvidia.com/gpu too. OS disks
    are ephemeral: `os_disk_size_gb` must fit the size's local disk.
  TEXT
  type = object({
    system = object({
      vm_size         = string
      min_nodes       = number
      max_nodes       = number
      os_disk_size_gb = optional(number, 128)
    })
    cpu = object({
      vm_size         = string
      min_nodes       = number
      max_nodes       = number
      os_disk_size_gb = optional(number, 128)
    })
    ray = object({
      vm_size         = string
      min_nodes       = number
      max_nodes       = number
      os_disk_size_gb = optional(number, 128)
      gpu             = optional(bool, false)
    })
  })
  nullable = false

  validation {
    condition = alltrue([
      for pool in var.node_pools : alltrue([
        pool.min_nodes >= 0, floor(pool.min_nodes) == pool.min_nodes,
        pool.max_nodes >= max(pool.min_nodes, 1), pool.max_nodes <= 1000, floor(pool.max_nodes) == pool.max_nodes,
      ])
    ])
    error_message = "node_pools: min_nodes and max_nodes must be whole numbers with 0 <= min_nodes <= max_nodes, and max_nodes from 1 to 1000."
  }

  validation {
    condition     = var.node_pools.system.min_nodes >= 1
    error_message = "node_pools: system.min_nodes must be at least 1: a cluster needs a node of its own."
  }

  validation {
    condition     = var.environment != "prod" || (var.node_pools.system.min_nodes >= 3 && var.node_pools.cpu.min_nodes >= 2 && var.node_pools.ray.min_nodes >= 1)
    error_message = "node_pools: in prod min_nodes must be at least 3 for system, 2 for cpu and 1 for ray; with 0 nodes nothing answers until one has started."
  }

  validation {
    condition     = alltrue([for pool in var.node_pools : can(regex("^Standard_[A-Z]+[0-9]+[A-Za-z0-9_-]*$", pool.vm_size))])
    error_message = "node_pools: vm_size must be a size of Azure such as Standard_D8ds_v5."
  }

  validation {
    condition     = alltrue([for pool in var.node_pools : pool.os_disk_size_gb >= 30 && pool.os_disk_size_gb <= 2048])
    error_message = "node_pools: os_disk_size_gb must be between 30 and 2048."
  }
}
