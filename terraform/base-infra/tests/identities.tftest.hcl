# Identities of components and people, and the secrets they share.
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

run "nodes_pull_images_and_no_more" {
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
    condition     = [for key, role in azurerm_role_assignment.component : role.role_definition_name if startswith(key, "kubelet/")] == ["AcrPull"]
    error_message = "Nodes must be able to pull images and no more."
  }
}

run "each_service_account_is_one_component" {
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
    condition     = azurerm_federated_identity_credential.service_account["api-gateway/serving/api-gateway"].subject == "system:serviceaccount:serving:api-gateway"
    error_message = "The gateway must be trusted by its service account."
  }

  assert {
    condition     = length(distinct([for credential in azurerm_federated_identity_credential.service_account : credential.subject])) == length(azurerm_federated_identity_credential.service_account)
    error_message = "A service account must stand for one component."
  }

  assert {
    condition     = alltrue([for credential in azurerm_federated_identity_credential.service_account : toset(credential.audience) == toset(["api://AzureADTokenExchange"])])
    error_message = "Tokens must be meant for Azure."
  }

  assert {
    condition     = output.workload_identities["api-gateway"].client_id == "00000000-0000-0000-0000-0000000000d1" && output.workload_identities["api-gateway"].service_accounts == ["serving/api-gateway"]
    error_message = "The platform must be told which identity is whose."
  }

  assert {
    condition     = strcontains(output.installation_env, "API_GATEWAY_CLIENT_ID=00000000-0000-0000-0000-0000000000d1\n") && strcontains(output.installation_env, "IMAGE_REGISTRY=crtest.azurecr.io\n")
    error_message = "What the manifests need must be ready to be copied."
  }

  assert {
    condition     = output.settings_env == "BLOB_STORE_URL=https://sttest.blob.core.windows.net\n"
    error_message = "Settings must name the storage account."
  }
}

run "whoever_applies_administers_when_no_group_is_named" {
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
    condition     = contains(keys(azurerm_role_assignment.people), "administrators/00000000-0000-0000-0000-0000000000c2/Key Vault Secrets Officer")
    error_message = "At least one identity must be able to set secrets."
  }
}

run "named_groups_administer" {
  command = plan

  variables {
    environment             = run.the_file_of_prod_is_read.values.environment
    location                = run.the_file_of_prod_is_read.values.location
    network                 = run.the_file_of_prod_is_read.values.network
    cluster                 = run.the_file_of_prod_is_read.values.cluster
    node_pools              = run.the_file_of_prod_is_read.values.node_pools
    storage                 = run.the_file_of_prod_is_read.values.storage
    redis                   = run.the_file_of_prod_is_read.values.redis
    postgres                = run.the_file_of_prod_is_read.values.postgres
    log_retention_days      = run.the_file_of_prod_is_read.values.log_retention_days
    administrator_group_ids = ["11111111-1111-1111-1111-111111111111"]
    image_publisher_ids     = ["22222222-2222-2222-2222-222222222222"]
  }

  assert {
    condition     = contains(keys(azurerm_role_assignment.people), "administrators/11111111-1111-1111-1111-111111111111/Azure Kubernetes Service RBAC Cluster Admin") && length([for key in keys(azurerm_role_assignment.people) : key if strcontains(key, "0000000000c2")]) == 0
    error_message = "Only the group must have administrator rights."
  }

  assert {
    condition     = contains(keys(azurerm_role_assignment.people), "image-publishers/22222222-2222-2222-2222-222222222222/AcrPush")
    error_message = "The build must be able to push images."
  }
}

run "secrets_go_to_the_vault" {
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
    condition     = toset(keys(azapi_resource_action.secret)) == toset(["api-keys", "console-secret", "console-sign-in-secret", "gateway-api-key", "grafana-admin-password", "kubeflow-db-password", "mlflow-db-password", "postgres-admin-password", "ray-token", "redis-url"])
    error_message = "Every secret of the platform must be in the vault."
  }

  assert {
    condition     = azapi_resource_action.secret["redis-url"].resource_id == "${azurerm_key_vault.main.id}/secrets/redis-url"
    error_message = "A secret must lie in the vault under its name."
  }

  assert {
    condition     = alltrue([for component in local.components : alltrue([for name in try(component.secrets, []) : contains(output.key_vault_secrets, name)])])
    error_message = "access.yaml must name secrets that exist."
  }
}
