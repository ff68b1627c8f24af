locals {
  blob_type = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"

  # What each word of access.yaml allows. Azure's own roles are too broad: its contributor reads,
  # writes and deletes, and there is none that only writes.
  blob_permissions = {
    read = {
      description  = "Read and list the blobs of a container."
      actions      = ["Microsoft.Storage/storageAccounts/blobServices/containers/read"]
      data_actions = ["${local.blob_type}/read"]
    }
    append = {
      description  = "Write blobs; neither read, nor list, nor delete them. What is overwritten stays as a former version."
      actions      = []
      data_actions = ["${local.blob_type}/write", "${local.blob_type}/add/action"]
    }
    delete = {
      description  = "Delete blobs; soft delete keeps them for a while."
      actions      = []
      data_actions = ["${local.blob_type}/delete"]
    }
  }

  blob_grants = merge(flatten([
    for name, component in local.components : [
      for grant in component.blobs : {
        for word in grant.may : "${name}/${grant.container}/${word}" => {
          component = name
          container = grant.container
          word      = word
          paths     = try(grant.paths, [])
        }
      }
    ]
  ])...)

  # A condition holds for every action but those it matches; names may be listed, contents not.
  blob_conditions = {
    for key, grant in local.blob_grants : key => length(grant.paths) == 0 ? null : format("((%s) OR (%s))",
      join(" AND ", [
        for action in local.blob_permissions[grant.word].data_actions :
        grant.word == "read" ? "!(ActionMatches{'${action}'} AND NOT SubOperationMatches{'Blob.List'})" : "!(ActionMatches{'${action}'})"
      ]),
      join(" OR ", [for path in grant.paths : "@Resource[${local.blob_type}:path] StringLike '${path}'"]),
    )
  }

  role_scopes = {
    dns_zone         = var.dns_zone_id
    key_vault        = azurerm_key_vault.main.id
    kubelet_identity = azurerm_user_assigned_identity.component["kubelet"].id
    nodes_subnet     = azurerm_subnet.nodes.id
    registry         = azurerm_container_registry.main.id
  }

  component_roles = merge([
    for name, component in local.components : {
      for grant in try(component.roles, []) : "${name}/${grant.role}/${grant.scope}" => merge(grant, { component = name })
      if grant.scope != "dns_zone" || var.dns_zone_id != null
    }
  ]...)

  people = {
    administrators   = coalescelist(var.administrator_group_ids, [data.azurerm_client_config.current.object_id])
    image-publishers = var.image_publisher_ids
  }
  people_roles = merge(flatten([
    for name, group in local.access.people : [
      for principal in local.people[name] : {
        for grant in group.roles : "${name}/${principal}/${grant.role}" => merge(grant, { principal = principal })
      }
    ]
  ])...)
}

resource "azurerm_role_definition" "blob" {
  for_each = local.blob_permissions

  name              = "${local.prefix}-${local.suffix} blob ${each.key}"
  description       = each.value.description
  scope             = azurerm_resource_group.main.id
  assignable_scopes = [azurerm_resource_group.main.id]

  permissions {
    actions      = each.value.actions
    data_actions = each.value.data_actions
  }
}

resource "azurerm_role_assignment" "blob" {
  for_each = local.blob_grants

  description        = "${each.value.component} may ${each.value.word} in ${each.value.container}"
  scope              = azurerm_storage_container.data[each.value.container].id
  role_definition_id = azurerm_role_definition.blob[each.value.word].role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.component[each.value.component].principal_id
  principal_type     = "ServicePrincipal"
  condition          = local.blob_conditions[each.key]
  condition_version  = local.blob_conditions[each.key] == null ? null : "2.0"
}

resource "azurerm_role_assignment" "component" {
  for_each = local.component_roles

  scope                = local.role_scopes[each.value.scope]
  role_definition_name = each.value.role
  principal_id         = azurerm_user_assigned_identity.component[each.value.component].principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "people" {
  for_each = local.people_roles

  scope                = merge(local.role_scopes, { cluster = azurerm_kubernetes_cluster.main.id })[each.value.scope]
  role_definition_name = each.value.role
  principal_id         = each.value.principal
}
