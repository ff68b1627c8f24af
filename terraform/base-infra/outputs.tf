output "environment" {
  description = "Name of the environment: dev or prod."
  value       = var.environment
}

output "location" {
  description = "Azure region of every resource."
  value       = azurerm_resource_group.main.location
}

output "tenant_id" {
  description = "Entra tenant of the platform."
  value       = data.azurerm_client_config.current.tenant_id
}

output "subscription_id" {
  description = "Subscription of the platform."
  value       = data.azurerm_client_config.current.subscription_id
}

output "resource_group_name" {
  description = "Resource group of every resource but the cluster's nodes."
  value       = azurerm_resource_group.main.name
}

output "cluster_name" {
  description = "Name of the AKS cluster, in the resource group above."
  value       = azurerm_kubernetes_cluster.main.name
}

output "cluster_id" {
  description = "Resource id of the AKS cluster."
  value       = azurerm_kubernetes_cluster.main.id
}

output "cluster_host" {
  description = "URL of the Kubernetes API; a private cluster answers inside the network only."
  value       = "https://${local.cluster_fqdn}:443"
}

output "cluster_ca_certificate" {
  description = "Certificate authority of the Kubernetes API, base64 as kubeconfig has it; null until the cluster exists."
  value       = one(azurerm_kubernetes_cluster.main.kube_config[*].cluster_ca_certificate)
  sensitive   = true
}

output "cluster_oidc_issuer_url" {
  description = "Issuer of the tokens that workload identities exchange."
  value       = azurerm_kubernetes_cluster.main.oidc_issuer_url
}

output "node_resource_group_name" {
  description = "Resource group of the cluster's nodes and load balancers."
  value       = azurerm_kubernetes_cluster.main.node_resource_group
}

output "ray_pool" {
  description = "Label and taint of the Ray node pool, for node selectors and tolerations."
  value       = { labels = local.ray_labels, taints = local.ray_taints }
}

output "workload_identities" {
  description = "By component of access.yaml: client id for the annotation azure.workload.identity/client-id, and the service accounts (namespace and name) that may use it."
  value = {
    for name, component in local.identities : name => {
      client_id        = azurerm_user_assigned_identity.component[name].client_id
      principal_id     = azurerm_user_assigned_identity.component[name].principal_id
      service_accounts = component.service_accounts
    }
  }
}

output "workload_identity_client_ids" {
  description = "Client id of each component's identity, by component."
  value       = { for name, identity in azurerm_user_assigned_identity.component : name => identity.client_id }
}

output "registry_name" {
  description = "Name of the container registry."
  value       = azurerm_container_registry.main.name
}

output "registry_login_server" {
  description = "Host of the container registry, the prefix of every image."
  value       = azurerm_container_registry.main.login_server
}

output "storage_account_name" {
  description = "Storage account of the platform's containers."
  value       = azurerm_storage_account.data.name
}

output "storage_blob_endpoint" {
  description = "BLOB_STORE_URL: the account's blob endpoint, without a slash at the end."
  value       = trimsuffix(azurerm_storage_account.data.primary_blob_endpoint, "/")
}

output "storage_containers" {
  description = "Names of the blob containers."
  value       = sort(keys(azurerm_storage_container.data))
}

output "key_vault_name" {
  description = "Name of the key vault."
  value       = azurerm_key_vault.main.name
}

output "key_vault_id" {
  description = "Resource id of the key vault."
  value       = azurerm_key_vault.main.id
}

output "key_vault_uri" {
  description = "URI of the key vault, as External Secrets takes it."
  value       = azurerm_key_vault.main.vault_uri
}

output "key_vault_secrets" {
  description = "Names of the secrets this root writes to the vault."
  value       = sort(local.secret_names)
}

output "workload_secrets" {
  description = "By component of access.yaml: the secrets of the vault that its namespace gets."
  value       = { for name, component in local.components : name => component.secrets if can(component.secrets) }
}

output "redis_host" {
  description = "Host of the online store."
  value       = azurerm_managed_redis.main.hostname
}

output "redis_port" {
  description = "TLS port of the online store."
  value       = local.redis_port
}

output "postgres_fqdn" {
  description = "Host of PostgreSQL; port 5432, TLS required."
  value       = azurerm_postgresql_flexible_server.main.fqdn
}

output "postgres_administrator" {
  description = "Administrator of PostgreSQL; the password is the vault's secret postgres-admin-password."
  value       = azurerm_postgresql_flexible_server.main.administrator_login
}

output "postgres_databases" {
  description = "By user: the databases it owns; its password is the vault's secret <user>-db-password."
  value       = local.databases
}

output "log_analytics_workspace_id" {
  description = "Resource id of the workspace that logs and diagnostic settings go to."
  value       = azurerm_log_analytics_workspace.main.id
}

output "network" {
  description = "Address ranges that network policies name."
  value = {
    virtual_network   = var.network.address_space
    nodes             = var.network.subnets.nodes
    private_endpoints = var.network.subnets.private_endpoints
    pods              = var.network.pod_cidr
    services          = var.network.service_cidr
  }
}

output "installation_env" {
  description = "Lines for config/installations/<environment>/installation.env; names and addresses of your own are added there."
  value = join("", [for key, value in {
    IMAGE_REGISTRY                = azurerm_container_registry.main.login_server
    TENANT_ID                     = data.azurerm_client_config.current.tenant_id
    API_GATEWAY_CLIENT_ID         = azurerm_user_assigned_identity.component["api-gateway"].client_id
    INFERENCE_SERVICE_CLIENT_ID   = azurerm_user_assigned_identity.component["inference-service"].client_id
    FEATURE_TRANSFORMER_CLIENT_ID = azurerm_user_assigned_identity.component["feature-transformer"].client_id
    RAY_CLIENT_ID                 = azurerm_user_assigned_identity.component["ray"].client_id
    RELEASE_CONTROLLER_CLIENT_ID  = azurerm_user_assigned_identity.component["release-controller"].client_id
    DRIFT_DETECTOR_CLIENT_ID      = azurerm_user_assigned_identity.component["drift-detector"].client_id
    TRAINING_SCHEDULER_CLIENT_ID  = azurerm_user_assigned_identity.component["training-scheduler"].client_id
    DRILL_CLIENT_ID               = azurerm_user_assigned_identity.component["drill"].client_id
  } : "${key}=${value}\n"])
}

output "settings_env" {
  description = "Lines for config/<environment>/settings.env."
  value = join("", [for key, value in {
    BLOB_STORE_URL = trimsuffix(azurerm_storage_account.data.primary_blob_endpoint, "/")
  } : "${key}=${value}\n"])
}

output "ml_platform" {
  description = "All that terraform/ml-platform takes, as its variable `base`; its read-base-infra.sh writes it to a file."
  sensitive   = true
  value = {
    environment = var.environment
    tenant_id   = data.azurerm_client_config.current.tenant_id
    cluster = {
      host           = "https://${local.cluster_fqdn}:443"
      ca_certificate = one(azurerm_kubernetes_cluster.main.kube_config[*].cluster_ca_certificate)
    }
    registry_login_server = azurerm_container_registry.main.login_server
    storage_blob_endpoint = trimsuffix(azurerm_storage_account.data.primary_blob_endpoint, "/")
    key_vault_uri         = azurerm_key_vault.main.vault_uri
    postgres_fqdn         = azurerm_postgresql_flexible_server.main.fqdn
    redis_port            = local.redis_port
    dns_zone_id           = var.dns_zone_id
    client_ids            = { for name, identity in azurerm_user_assigned_identity.component : name => identity.client_id }
    secrets               = { for name, component in local.components : name => component.secrets if can(component.secrets) }
    network = {
      virtual_network   = var.network.address_space
      private_endpoints = var.network.subnets.private_endpoints
      pods              = var.network.pod_cidr
      services          = var.network.service_cidr
    }
  }
}
