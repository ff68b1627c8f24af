resource "azurerm_container_registry" "main" {
  # checkov:skip=CKV_AZURE_139:public access follows network.authorized_ip_ranges, which production refuses
  # checkov:skip=CKV_AZURE_164:Azure retires content trust
  # checkov:skip=CKV_AZURE_165:the platform runs in one region
  # checkov:skip=CKV_AZURE_166:quarantine needs a scanner that lets images out
  # checkov:skip=CKV_AZURE_233:redundancy follows cluster.zones, of which production has at least two
  name                = "cr${local.joined}"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  # Private endpoints and network rules exist in Premium only.
  sku                           = "Premium"
  admin_enabled                 = false
  anonymous_pull_enabled        = false
  data_endpoint_enabled         = true
  export_policy_enabled         = !local.private
  public_network_access_enabled = !local.private
  network_rule_bypass_option    = "AzureServices"
  retention_policy_in_days      = 30
  zone_redundancy_enabled       = length(var.cluster.zones) > 1
  tags                          = local.tags

  network_rule_set {
    default_action = "Deny"
    ip_rule        = [for range in var.network.authorized_ip_ranges : { action = "Allow", ip_range = range }]
  }
}
