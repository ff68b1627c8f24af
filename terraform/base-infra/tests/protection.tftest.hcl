# Access control, and encryption in transit.
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

run "identities_take_the_place_of_keys" {
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
    condition     = !azurerm_storage_account.data.shared_access_key_enabled && !azurerm_storage_account.data.local_user_enabled && !azurerm_storage_account.data.allow_nested_items_to_be_public
    error_message = "Storage must know no keys, no local users, no public blobs."
  }

  assert {
    condition     = !azurerm_container_registry.main.admin_enabled && !azurerm_container_registry.main.anonymous_pull_enabled
    error_message = "The registry must have no administrator and no anonymous readers."
  }

  assert {
    condition     = azurerm_kubernetes_cluster.main.local_account_disabled && azurerm_kubernetes_cluster.main.azure_active_directory_role_based_access_control[0].azure_rbac_enabled
    error_message = "The cluster must know Entra identities only."
  }

  assert {
    condition     = azurerm_kubernetes_cluster.main.oidc_issuer_enabled && azurerm_kubernetes_cluster.main.workload_identity_enabled
    error_message = "Pods must sign in by their service account."
  }

  assert {
    condition     = azurerm_key_vault.main.rbac_authorization_enabled
    error_message = "The vault must go by roles."
  }
}

run "everything_is_encrypted" {
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
    condition     = azurerm_storage_account.data.min_tls_version == "TLS1_2" && azurerm_storage_account.data.https_traffic_only_enabled && azurerm_storage_account.data.infrastructure_encryption_enabled
    error_message = "Storage must take TLS 1.2 only and encrypt twice."
  }

  assert {
    condition     = azurerm_managed_redis.main.default_database[0].client_protocol == "Encrypted"
    error_message = "The online store must take TLS only."
  }

  assert {
    condition     = azurerm_postgresql_flexible_server_configuration.main["require_secure_transport"].value == "on" && azurerm_postgresql_flexible_server_configuration.main["ssl_min_protocol_version"].value == "TLSv1.2"
    error_message = "The database must take TLS 1.2 only."
  }

  assert {
    condition     = azurerm_kubernetes_cluster.main.default_node_pool[0].host_encryption_enabled && azurerm_kubernetes_cluster_node_pool.cpu.host_encryption_enabled && azurerm_kubernetes_cluster_node_pool.ray.host_encryption_enabled
    error_message = "Nodes must encrypt their disks and caches."
  }
}
