locals {
  access     = yamldecode(file("${path.module}/access.yaml"))
  components = local.access.components

  # Those that sign in to Azure; the others only get secrets through External Secrets.
  identities = {
    for name, component in local.components : name => component
    if length(component.service_accounts) + length(component.blobs) + length(try(component.roles, [])) > 0
  }

  federations = merge([
    for name, component in local.identities : {
      for account in component.service_accounts :
      "${name}/${account}" => { component = name, namespace = split("/", account)[0], account = split("/", account)[1] }
    }
  ]...)
}

resource "azurerm_user_assigned_identity" "component" {
  for_each = local.identities

  name                = "id-${local.prefix}-${each.key}"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  tags                = local.tags
}

# Only pods with exactly this service account get a token of the identity.
resource "azurerm_federated_identity_credential" "service_account" {
  for_each = local.federations

  name                      = "${each.value.namespace}-${each.value.account}"
  user_assigned_identity_id = azurerm_user_assigned_identity.component[each.value.component].id
  audience                  = ["api://AzureADTokenExchange"]
  issuer                    = azurerm_kubernetes_cluster.main.oidc_issuer_url
  subject                   = "system:serviceaccount:${each.value.namespace}:${each.value.account}"
}
