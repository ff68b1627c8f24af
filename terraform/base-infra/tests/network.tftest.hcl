# No service is reachable from outside, and every access needs an identity.
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

run "the_file_of_dev_is_read" {
  module {
    source = "./tests/environment"
  }
  variables {
    name = "dev"
  }
}

run "production_is_private" {
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
    condition     = azurerm_kubernetes_cluster.main.private_cluster_enabled && !azurerm_kubernetes_cluster.main.private_cluster_public_fqdn_enabled
    error_message = "The Kubernetes API must have no public address."
  }

  assert {
    condition     = length(azurerm_kubernetes_cluster.main.api_server_access_profile) == 0
    error_message = "A private API needs no authorised ranges."
  }

  assert {
    condition     = !azurerm_storage_account.data.public_network_access_enabled
    error_message = "The storage account must have no public address."
  }

  assert {
    condition     = !azurerm_container_registry.main.public_network_access_enabled && !azurerm_container_registry.main.export_policy_enabled
    error_message = "The registry must have no public address and export nothing."
  }

  assert {
    condition     = !azurerm_key_vault.main.public_network_access_enabled
    error_message = "The vault must have no public address."
  }

  assert {
    condition     = !azurerm_postgresql_flexible_server.main.public_network_access_enabled && azurerm_managed_redis.main.public_network_access == "Disabled"
    error_message = "Database and online store must have no public address."
  }
}

run "every_store_has_a_private_endpoint_and_a_zone" {
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
    condition     = toset(keys(azurerm_private_endpoint.service)) == toset(["blob", "dfs", "vault", "registry", "redis", "postgres"])
    error_message = "Six endpoints are needed; Arrow reads blobs through dfs as well."
  }

  assert {
    condition     = alltrue([for endpoint in azurerm_private_endpoint.service : endpoint.subnet_id == azurerm_subnet.private_endpoints.id])
    error_message = "Endpoints must lie in their subnet."
  }

  assert {
    condition     = azurerm_private_dns_zone.service["redis"].name == "privatelink.redis.azure.net" && azurerm_private_dns_zone.service["blob"].name == "privatelink.blob.core.windows.net"
    error_message = "The names of the services must resolve to the endpoints."
  }

  assert {
    condition     = output.cluster_host == "https://aks-test.privatelink.westeurope.azmk8s.io:443"
    error_message = "The cluster must be addressed by its private name."
  }
}

run "what_no_rule_allows_is_denied" {
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
    condition     = azurerm_storage_account.data.network_rules[0].default_action == "Deny" && azurerm_key_vault.main.network_acls[0].default_action == "Deny"
    error_message = "Storage and vault must deny by default."
  }

  assert {
    condition     = azurerm_network_security_rule.private_endpoints["deny-others"].access == "Deny" && azurerm_network_security_rule.private_endpoints["deny-others"].priority == 4096
    error_message = "The last rule of the endpoints must deny."
  }

  assert {
    condition     = toset(azurerm_network_security_rule.private_endpoints["allow-platform"].source_address_prefixes) == toset(["10.50.0.0/21"])
    error_message = "Only nodes may reach the endpoints."
  }

  assert {
    condition     = length(azurerm_network_security_rule.ingress) == 0
    error_message = "Without callers nothing may come in."
  }

  assert {
    condition     = !azurerm_subnet.nodes.default_outbound_access_enabled && azurerm_kubernetes_cluster.main.network_profile[0].outbound_type == "userAssignedNATGateway"
    error_message = "All traffic must leave through the one known address."
  }

  assert {
    condition     = azurerm_kubernetes_cluster.main.network_profile[0].network_policy == "cilium" && azurerm_kubernetes_cluster.main.network_profile[0].network_plugin == "azure"
    error_message = "The cluster must enforce network policies."
  }
}

run "callers_named_reach_the_gateway_only" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = merge(run.the_file_of_prod_is_read.values.network, { ingress_ip_ranges = ["198.51.100.0/24"] })
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  assert {
    condition     = toset(azurerm_network_security_rule.ingress[0].source_address_prefixes) == toset(["198.51.100.0/24"]) && azurerm_network_security_rule.ingress[0].destination_port_range == "443"
    error_message = "Only the callers' range may come in, on 443."
  }
}

run "development_opens_to_authorised_ranges_only" {
  command = plan

  variables {
    environment        = run.the_file_of_dev_is_read.values.environment
    location           = run.the_file_of_dev_is_read.values.location
    network            = run.the_file_of_dev_is_read.values.network
    cluster            = run.the_file_of_dev_is_read.values.cluster
    node_pools         = run.the_file_of_dev_is_read.values.node_pools
    storage            = run.the_file_of_dev_is_read.values.storage
    redis              = run.the_file_of_dev_is_read.values.redis
    postgres           = run.the_file_of_dev_is_read.values.postgres
    log_retention_days = run.the_file_of_dev_is_read.values.log_retention_days
  }

  assert {
    condition     = !azurerm_kubernetes_cluster.main.private_cluster_enabled && toset(azurerm_kubernetes_cluster.main.api_server_access_profile[0].authorized_ip_ranges) == toset(["203.0.113.0/24"])
    error_message = "The API must be open to the office only."
  }

  assert {
    condition     = toset(azurerm_storage_account.data.network_rules[0].ip_rules) == toset(["203.0.113.0/24"]) && azurerm_storage_account.data.network_rules[0].default_action == "Deny"
    error_message = "Storage must be open to the office only."
  }

  assert {
    condition     = azurerm_key_vault.main.network_acls[0].default_action == "Deny"
    error_message = "The vault must be open to the office only."
  }

  assert {
    condition     = !azurerm_postgresql_flexible_server.main.public_network_access_enabled && azurerm_managed_redis.main.public_network_access == "Disabled"
    error_message = "Database and online store must be private even there."
  }
}
