# Sizes and protection of production, from environments/prod.tfvars itself.
mock_provider "azurerm" {
  source = "./tests/azure"
}
mock_provider "azapi" {}

run "the_file_of_prod_is_read" {
  module {
    source = "./tests/environment"
  }
  variables {
    name = "prod"
  }
}

run "production_survives_the_loss_of_a_zone" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  assert {
    condition     = toset(azurerm_kubernetes_cluster.main.default_node_pool[0].zones) == toset(["1", "2", "3"])
    error_message = "The system pool must spread over three zones."
  }

  assert {
    condition     = toset(azurerm_kubernetes_cluster_node_pool.cpu.zones) == toset(["1", "2", "3"])
    error_message = "The cpu pool must spread over three zones."
  }

  assert {
    condition     = contains(["ZRS", "GZRS", "RAGZRS"], azurerm_storage_account.data.account_replication_type)
    error_message = "Blobs must be kept in several zones."
  }

  assert {
    condition     = azurerm_container_registry.main.zone_redundancy_enabled
    error_message = "Images must be kept in several zones."
  }

  assert {
    condition     = azurerm_managed_redis.main.high_availability_enabled
    error_message = "The online store must have a replica."
  }

  assert {
    condition     = azurerm_postgresql_flexible_server.main.high_availability[0].mode == "ZoneRedundant"
    error_message = "The database must have a standby in another zone."
  }
}

run "production_has_nodes_before_anybody_asks" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  assert {
    condition     = azurerm_kubernetes_cluster.main.sku_tier == "Standard"
    error_message = "The API server must come with an uptime agreement."
  }

  assert {
    condition     = azurerm_kubernetes_cluster.main.default_node_pool[0].min_count >= 3 && azurerm_kubernetes_cluster.main.default_node_pool[0].only_critical_addons_enabled
    error_message = "Three nodes must be the system's own."
  }

  assert {
    condition     = azurerm_kubernetes_cluster_node_pool.cpu.auto_scaling_enabled && azurerm_kubernetes_cluster_node_pool.cpu.min_count >= 2 && azurerm_kubernetes_cluster_node_pool.cpu.max_count >= 10
    error_message = "The platform's nodes must scale from two upwards."
  }

  assert {
    condition     = azurerm_kubernetes_cluster_node_pool.ray.auto_scaling_enabled && azurerm_kubernetes_cluster_node_pool.ray.min_count >= 1 && azurerm_kubernetes_cluster_node_pool.ray.max_count >= 10
    error_message = "Ray's nodes must scale from one upwards."
  }

  assert {
    condition     = contains(azurerm_kubernetes_cluster_node_pool.ray.node_taints, "mlplatform/pool=ray:NoSchedule") && azurerm_kubernetes_cluster_node_pool.ray.node_labels["mlplatform/pool"] == "ray"
    error_message = "Only Ray may run on Ray's nodes."
  }
}

run "ray_nodes_with_gpus_carry_the_driver_and_a_second_taint" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = merge(run.the_file_of_prod_is_read.values.node_pools, { ray = { vm_size = "Standard_NC24ads_A100_v4", min_nodes = 1, max_nodes = 4, gpu = true } })
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  assert {
    condition     = azurerm_kubernetes_cluster_node_pool.ray.gpu_driver == "Install"
    error_message = "The driver must be installed."
  }

  assert {
    condition     = contains(azurerm_kubernetes_cluster_node_pool.ray.node_taints, "nvidia.com/gpu=present:NoSchedule") && contains(output.ray_pool.taints, "nvidia.com/gpu=present:NoSchedule")
    error_message = "Pods without a GPU must stay away, and the platform must be told."
  }
}

run "production_can_be_restored" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  assert {
    condition     = azurerm_storage_account.data.blob_properties[0].versioning_enabled && azurerm_storage_account.data.blob_properties[0].delete_retention_policy[0].days >= 14 && azurerm_storage_account.data.blob_properties[0].container_delete_retention_policy[0].days >= 14
    error_message = "What was deleted or overwritten must come back for two weeks."
  }

  assert {
    condition     = azurerm_postgresql_flexible_server.main.backup_retention_days == 35 && azurerm_postgresql_flexible_server.main.geo_redundant_backup_enabled
    error_message = "Five weeks of backups must lie in another region."
  }

  assert {
    condition     = azurerm_key_vault.main.purge_protection_enabled
    error_message = "A deleted vault must come back."
  }

  assert {
    condition     = azurerm_managed_redis.main.default_database[0].persistence_redis_database_backup_frequency == "1h"
    error_message = "The online store must be saved every hour."
  }
}

run "logs_and_reports_age_and_nothing_else_does" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  assert {
    condition     = [for rule in azurerm_storage_management_policy.data.rule : rule.name] == ["inference-logs", "drift-reports", "former-versions"]
    error_message = "There must be a rule for logs, reports and former versions."
  }

  assert {
    condition     = toset(azurerm_storage_management_policy.data.rule[0].filters[0].prefix_match) == toset(["inference-logs/"])
    error_message = "The first rule must touch inference logs only."
  }

  assert {
    condition     = azurerm_storage_management_policy.data.rule[0].actions[0].base_blob[0].delete_after_days_since_modification_greater_than == 365
    error_message = "Inference logs must go after a year."
  }

  assert {
    condition     = length(azurerm_storage_management_policy.data.rule[2].actions[0].base_blob) == 0
    error_message = "The rule without a prefix must delete former versions only."
  }
}

run "the_cluster_upgrades_itself_in_its_window" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  assert {
    condition     = azurerm_kubernetes_cluster.main.automatic_upgrade_channel == "patch" && azurerm_kubernetes_cluster.main.node_os_upgrade_channel == "NodeImage"
    error_message = "Patches and node images must come by themselves."
  }

  assert {
    condition     = azurerm_kubernetes_cluster.main.maintenance_window_auto_upgrade[0].day_of_week == "Sunday" && azurerm_kubernetes_cluster.main.maintenance_window_node_os[0].duration == 4
    error_message = "Upgrades must keep to the window."
  }
}

run "what_happens_is_kept_for_half_a_year" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  assert {
    condition     = azurerm_log_analytics_workspace.main.retention_in_days == 180
    error_message = "Logs must be kept for 180 days."
  }

  assert {
    condition     = alltrue([for name in ["cluster", "registry", "storage", "key-vault", "redis", "postgres"] : contains(keys(azurerm_monitor_diagnostic_setting.main), name)])
    error_message = "Every service must send its logs."
  }

  assert {
    condition     = contains([for log in azurerm_monitor_diagnostic_setting.main["cluster"].enabled_log : log.category], "kube-audit-admin")
    error_message = "Changes in the cluster must be audited."
  }
}
