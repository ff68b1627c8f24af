locals {
  private_endpoints = {
    blob     = { resource = azurerm_storage_account.data.id, subresource = "blob", zone = "privatelink.blob.core.windows.net" }
    dfs      = { resource = azurerm_storage_account.data.id, subresource = "dfs", zone = "privatelink.dfs.core.windows.net" }
    vault    = { resource = azurerm_key_vault.main.id, subresource = "vault", zone = "privatelink.vaultcore.azure.net" }
    registry = { resource = azurerm_container_registry.main.id, subresource = "registry", zone = "privatelink.azurecr.io" }
    redis    = { resource = azurerm_managed_redis.main.id, subresource = "redisEnterprise", zone = "privatelink.redis.azure.net" }
    postgres = { resource = azurerm_postgresql_flexible_server.main.id, subresource = "postgresqlServer", zone = "privatelink.postgres.database.azure.com" }
  }
}

resource "azurerm_private_dns_zone" "service" {
  for_each = local.private_endpoints

  name                = each.value.zone
  resource_group_name = azurerm_resource_group.main.name
  tags                = local.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "service" {
  for_each = local.private_endpoints

  name                 = "link-${local.prefix}"
  private_dns_zone_id  = azurerm_private_dns_zone.service[each.key].id
  virtual_network_id   = azurerm_virtual_network.main.id
  registration_enabled = false
  tags                 = local.tags
}

resource "azurerm_private_endpoint" "service" {
  for_each = local.private_endpoints

  name                          = "pe-${local.prefix}-${each.key}"
  resource_group_name           = azurerm_resource_group.main.name
  location                      = azurerm_resource_group.main.location
  subnet_id                     = azurerm_subnet.private_endpoints.id
  custom_network_interface_name = "nic-${local.prefix}-${each.key}"
  tags                          = local.tags

  private_service_connection {
    name                           = each.key
    private_connection_resource_id = each.value.resource
    subresource_names              = [each.value.subresource]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [azurerm_private_dns_zone.service[each.key].id]
  }

  depends_on = [azurerm_private_dns_zone_virtual_network_link.service]
}
