locals {
  # By component; each user owns its databases. Kubeflow Pipelines keeps runs, metadata and cache.
  databases = {
    mlflow   = ["mlflow"]
    kubeflow = ["mlpipeline", "metadb", "cachedb"]
  }

  # Connections are logged, as audits ask; failing sign-ins are slowed down.
  postgres_settings = {
    "connection_throttle.enable" = "on"
    log_checkpoints              = "on"
    log_connections              = "on"
    log_disconnections           = "on"
    require_secure_transport     = "on"
    ssl_min_protocol_version     = "TLSv1.2"
  }
}

resource "azurerm_postgresql_flexible_server" "main" {
  # checkov:skip=CKV_AZURE_136:development goes without; var.postgres refuses that in production
  name                              = "psql-${local.prefix}-${local.suffix}"
  resource_group_name               = azurerm_resource_group.main.name
  location                          = azurerm_resource_group.main.location
  version                           = var.postgres.version
  sku_name                          = var.postgres.sku_name
  storage_mb                        = var.postgres.storage_mb
  auto_grow_enabled                 = true
  backup_retention_days             = var.postgres.backup_retention_days
  geo_redundant_backup_enabled      = var.postgres.geo_redundant_backup
  public_network_access_enabled     = false
  administrator_login               = "platformadmin"
  administrator_password_wo         = random_password.secret["postgres-admin-password"].result
  administrator_password_wo_version = var.secrets_generation
  tags                              = local.tags

  # MLflow and Kubeflow Pipelines renew no Entra tokens, so they sign in with passwords.
  authentication {
    password_auth_enabled         = true
    active_directory_auth_enabled = false
  }

  dynamic "high_availability" {
    for_each = var.postgres.high_availability ? [1] : []
    content {
      mode = "ZoneRedundant"
    }
  }

  maintenance_window {
    day_of_week  = 0
    start_hour   = 2
    start_minute = 0
  }

  lifecycle {
    # A failover swaps primary and standby; Terraform must not move them back.
    ignore_changes = [zone, high_availability[0].standby_availability_zone]
  }
}

resource "azurerm_postgresql_flexible_server_database" "main" {
  for_each = toset(flatten(values(local.databases)))

  name      = each.key
  server_id = azurerm_postgresql_flexible_server.main.id
  charset   = "UTF8"
  collation = "en_US.utf8"
}

resource "azurerm_postgresql_flexible_server_configuration" "main" {
  for_each = local.postgres_settings

  name      = each.key
  server_id = azurerm_postgresql_flexible_server.main.id
  value     = each.value
}
