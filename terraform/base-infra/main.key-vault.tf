resource "azurerm_key_vault" "main" {
  name                          = "kv${local.joined}"
  resource_group_name           = azurerm_resource_group.main.name
  location                      = azurerm_resource_group.main.location
  tenant_id                     = data.azurerm_client_config.current.tenant_id
  sku_name                      = "standard"
  rbac_authorization_enabled    = true
  purge_protection_enabled      = true
  soft_delete_retention_days    = 90
  public_network_access_enabled = !local.private
  tags                          = local.tags

  network_acls {
    default_action = "Deny"
    bypass         = "AzureServices"
    ip_rules       = var.network.authorized_ip_ranges
  }
}

locals {
  generated_secrets = toset([
    "console-secret", "console-sign-in-secret", "gateway-api-key", "grafana-admin-password", "kubeflow-db-password",
    "mlflow-db-password", "postgres-admin-password", "ray-token",
  ])
  secret_names = setunion(local.generated_secrets, ["api-keys", "redis-url"])

  secrets = merge(
    { for name in local.generated_secrets : name => random_password.secret[name].result },
    {
      # The file of the gateway: who may call, by the hash of the key.
      "api-keys" = jsonencode(concat(
        [{ name = "platform", role = "admin", sha256 = sha256(random_password.secret["gateway-api-key"].result) }],
        [for key in var.api_keys : { name = key.name, role = key.role, sha256 = key.sha256 }],
      ))
      "redis-url" = format("rediss://:%s@%s:%d/0",
        urlencode(coalesce(one(azurerm_managed_redis.main.default_database[*].primary_access_key), "none")),
      azurerm_managed_redis.main.hostname, local.redis_port)
    },
  )
}

resource "random_password" "secret" {
  for_each = local.generated_secrets

  # oauth2-proxy takes the length of an AES key and no other.
  length      = each.key == "console-sign-in-secret" ? 32 : 40
  special     = false
  min_lower   = 1
  min_upper   = 1
  min_numeric = 1
  keepers     = { generation = var.secrets_generation }
}

# Through the resource manager, because the vault itself answers inside the network only.
# The vault keeps a secret's former versions; a secret goes when the vault does.
resource "azapi_resource_action" "secret" {
  for_each = local.secret_names

  type                   = "Microsoft.KeyVault/vaults/secrets@2023-07-01"
  resource_id            = "${azurerm_key_vault.main.id}/secrets/${each.key}"
  method                 = "PUT"
  response_export_values = []
  sensitive_body         = { properties = { value = local.secrets[each.key] } }
  # A value that is not kept must be told apart by its hash, or it would never be written again.
  sensitive_body_version = { "properties.value" = sha256(local.secrets[each.key]) }
}
