resource "azurerm_managed_redis" "main" {
  name                      = "redis-${local.prefix}-${local.suffix}"
  resource_group_name       = azurerm_resource_group.main.name
  location                  = azurerm_resource_group.main.location
  sku_name                  = var.redis.sku_name
  high_availability_enabled = var.redis.high_availability
  public_network_access     = "Disabled"
  tags                      = local.tags

  default_database {
    client_protocol = "Encrypted"
    # One endpoint for clients that know nothing of Redis clusters, such as Feast's.
    clustering_policy = "EnterpriseCluster"
    # Feast signs in with a password; the vault hands it out.
    access_keys_authentication_enabled = true
    # Features that are gone would be answered as "unknown" without anybody noticing.
    eviction_policy                             = "NoEviction"
    persistence_redis_database_backup_frequency = var.redis.high_availability ? "1h" : null
  }
}

locals {
  redis_port = one(azurerm_managed_redis.main.default_database[*].port)
}
