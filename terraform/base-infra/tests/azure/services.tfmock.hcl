mock_resource "azurerm_kubernetes_cluster" {
  defaults = {
    id              = "/subscriptions/00000000-0000-0000-0000-0000000000c3/resourceGroups/rg-test/providers/Microsoft.ContainerService/managedClusters/aks-test"
    fqdn            = "aks-test.hcp.westeurope.azmk8s.io"
    private_fqdn    = "aks-test.privatelink.westeurope.azmk8s.io"
    oidc_issuer_url = "https://westeurope.oic.prod-aks.azure.com/00000000-0000-0000-0000-0000000000c4/00000000-0000-0000-0000-0000000000f1/"
  }
}

mock_resource "azurerm_kubernetes_cluster_node_pool" {
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-0000000000c3/resourceGroups/rg-test/providers/Microsoft.ContainerService/managedClusters/aks-test/agentPools/pool"
  }
}

mock_resource "azurerm_container_registry" {
  defaults = {
    id           = "/subscriptions/00000000-0000-0000-0000-0000000000c3/resourceGroups/rg-test/providers/Microsoft.ContainerRegistry/registries/crtest"
    login_server = "crtest.azurecr.io"
  }
}

mock_resource "azurerm_storage_account" {
  defaults = {
    id                    = "/subscriptions/00000000-0000-0000-0000-0000000000c3/resourceGroups/rg-test/providers/Microsoft.Storage/storageAccounts/sttest"
    primary_blob_endpoint = "https://sttest.blob.core.windows.net/"
  }
}

mock_resource "azurerm_storage_container" {
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-0000000000c3/resourceGroups/rg-test/providers/Microsoft.Storage/storageAccounts/sttest/blobServices/default/containers/test"
  }
}

mock_resource "azurerm_managed_redis" {
  defaults = {
    id       = "/subscriptions/00000000-0000-0000-0000-0000000000c3/resourceGroups/rg-test/providers/Microsoft.Cache/redisEnterprise/redis-test"
    hostname = "redis-test.westeurope.redis.azure.net"
    default_database = {
      port               = 10000
      primary_access_key = "primary+key="
    }
  }
}

mock_resource "azurerm_postgresql_flexible_server" {
  defaults = {
    id   = "/subscriptions/00000000-0000-0000-0000-0000000000c3/resourceGroups/rg-test/providers/Microsoft.DBforPostgreSQL/flexibleServers/psql-test"
    fqdn = "psql-test.postgres.database.azure.com"
  }
}

mock_resource "azurerm_key_vault" {
  defaults = {
    id        = "/subscriptions/00000000-0000-0000-0000-0000000000c3/resourceGroups/rg-test/providers/Microsoft.KeyVault/vaults/kvtest"
    vault_uri = "https://kvtest.vault.azure.net/"
  }
}

mock_resource "azurerm_log_analytics_workspace" {
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-0000000000c3/resourceGroups/rg-test/providers/Microsoft.OperationalInsights/workspaces/log-test"
  }
}

mock_resource "azurerm_monitor_data_collection_rule" {
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-0000000000c3/resourceGroups/rg-test/providers/Microsoft.Insights/dataCollectionRules/dcr-test"
  }
}
