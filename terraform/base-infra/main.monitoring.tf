resource "azurerm_log_analytics_workspace" "main" {
  name                         = "log-${local.prefix}"
  resource_group_name          = azurerm_resource_group.main.name
  location                     = azurerm_resource_group.main.location
  sku                          = "PerGB2018"
  retention_in_days            = var.log_retention_days
  local_authentication_enabled = false
  tags                         = local.tags
}

# What the cluster's agent collects. Metrics are left to the platform's Prometheus.
resource "azurerm_monitor_data_collection_rule" "cluster" {
  name                = "dcr-${local.prefix}-cluster"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  kind                = "Linux"
  tags                = local.tags

  data_sources {
    extension {
      name           = "ContainerInsightsExtension"
      extension_name = "ContainerInsights"
      streams        = local.container_streams
      extension_json = jsonencode({
        dataCollectionSettings = {
          interval               = "1m"
          namespaceFilteringMode = "Off"
          enableContainerLogV2   = true
        }
      })
    }
  }

  destinations {
    log_analytics {
      name                  = "workspace"
      workspace_resource_id = azurerm_log_analytics_workspace.main.id
    }
  }

  data_flow {
    streams      = local.container_streams
    destinations = ["workspace"]
  }
}

resource "azurerm_monitor_data_collection_rule_association" "cluster" {
  name                    = "ContainerInsightsExtension"
  target_resource_id      = azurerm_kubernetes_cluster.main.id
  data_collection_rule_id = azurerm_monitor_data_collection_rule.cluster.id
}

locals {
  container_streams = [
    "Microsoft-ContainerLogV2", "Microsoft-KubeEvents", "Microsoft-KubePodInventory", "Microsoft-KubeNodeInventory",
  ]

  # kube-audit itself would log every read; kube-audit-admin leaves those out.
  diagnostics = {
    cluster = {
      resource   = azurerm_kubernetes_cluster.main.id
      categories = ["kube-apiserver", "kube-audit-admin", "kube-controller-manager", "cluster-autoscaler", "guard"]
      groups     = []
      metrics    = []
    }
    registry = {
      resource   = azurerm_container_registry.main.id
      categories = ["ContainerRegistryLoginEvents", "ContainerRegistryRepositoryEvents"]
      groups     = []
      metrics    = ["AllMetrics"]
    }
    storage = {
      resource   = "${azurerm_storage_account.data.id}/blobServices/default"
      categories = ["StorageRead", "StorageWrite", "StorageDelete"]
      groups     = []
      metrics    = ["Transaction"]
    }
    key-vault = {
      resource   = azurerm_key_vault.main.id
      categories = ["AuditEvent"]
      groups     = []
      metrics    = ["AllMetrics"]
    }
    redis = {
      resource   = azurerm_managed_redis.main.id
      categories = []
      groups     = []
      metrics    = ["AllMetrics"]
    }
    postgres = {
      resource   = azurerm_postgresql_flexible_server.main.id
      categories = ["PostgreSQLLogs"]
      groups     = []
      metrics    = ["AllMetrics"]
    }
    private-endpoints = {
      resource   = azurerm_network_security_group.private_endpoints.id
      categories = []
      groups     = ["allLogs"]
      metrics    = []
    }
  }
}

resource "azurerm_monitor_diagnostic_setting" "main" {
  for_each = local.diagnostics

  name                       = "to-workspace"
  target_resource_id         = each.value.resource
  log_analytics_workspace_id = azurerm_log_analytics_workspace.main.id

  dynamic "enabled_log" {
    for_each = each.value.categories
    content {
      category = enabled_log.value
    }
  }

  dynamic "enabled_log" {
    for_each = each.value.groups
    content {
      category_group = enabled_log.value
    }
  }

  dynamic "enabled_metric" {
    for_each = each.value.metrics
    content {
      category = enabled_metric.value
    }
  }
}
