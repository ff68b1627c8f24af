mock_data "azurerm_client_config" {
  defaults = {
    client_id       = "00000000-0000-0000-0000-0000000000c1"
    object_id       = "00000000-0000-0000-0000-0000000000c2"
    subscription_id = "00000000-0000-0000-0000-0000000000c3"
    tenant_id       = "00000000-0000-0000-0000-0000000000c4"
  }
}

mock_resource "azurerm_resource_group" {
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-0000000000c3/resourceGroups/rg-test"
  }
}

mock_resource "azurerm_user_assigned_identity" {
  defaults = {
    id           = "/subscriptions/00000000-0000-0000-0000-0000000000c3/resourceGroups/rg-test/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-test"
    client_id    = "00000000-0000-0000-0000-0000000000d1"
    principal_id = "00000000-0000-0000-0000-0000000000d2"
    tenant_id    = "00000000-0000-0000-0000-0000000000c4"
  }
}

mock_resource "azurerm_role_definition" {
  defaults = {
    id                          = "/subscriptions/00000000-0000-0000-0000-0000000000c3/providers/Microsoft.Authorization/roleDefinitions/00000000-0000-0000-0000-0000000000e1|/subscriptions/00000000-0000-0000-0000-0000000000c3/resourceGroups/rg-test"
    role_definition_id          = "00000000-0000-0000-0000-0000000000e1"
    role_definition_resource_id = "/subscriptions/00000000-0000-0000-0000-0000000000c3/providers/Microsoft.Authorization/roleDefinitions/00000000-0000-0000-0000-0000000000e1"
  }
}
