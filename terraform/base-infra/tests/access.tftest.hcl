# The roles that access.yaml gives, and above all those it does not.
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

run "the_gateway_appends_to_the_log_and_reads_none_of_it" {
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
    condition     = contains(keys(azurerm_role_assignment.blob), "api-gateway/inference-logs/append")
    error_message = "The gateway must be able to append to the inference log."
  }

  assert {
    condition     = !contains(keys(azurerm_role_assignment.blob), "api-gateway/inference-logs/delete")
    error_message = "The gateway must not delete the inference log."
  }

  assert {
    condition     = toset(flatten(azurerm_role_definition.blob["append"].permissions[*].data_actions)) == toset(["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write", "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action"])
    error_message = "Appending must allow writing alone."
  }
}

run "the_gateway_cannot_read_models" {
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
    condition     = alltrue([for path in local.blob_grants["api-gateway/models/read"].paths : contains(["*/_ledger/*", "*/release.json", "*/lineage.json", "*/model/*"], path)])
    error_message = "Of models the gateway may read the ledger and releases only."
  }

  assert {
    condition     = strcontains(azurerm_role_assignment.blob["api-gateway/models/read"].condition, "StringLike '*/_ledger/*'") && strcontains(azurerm_role_assignment.blob["api-gateway/models/read"].condition, "!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'} AND NOT SubOperationMatches{'Blob.List'})")
    error_message = "The condition must hold for every read."
  }

  assert {
    condition     = azurerm_role_assignment.blob["api-gateway/models/read"].condition_version == "2.0"
    error_message = "Conditions of storage are of version 2.0."
  }

  assert {
    condition     = !contains(keys(azurerm_role_assignment.blob), "api-gateway/models/append") && !contains(keys(azurerm_role_assignment.blob), "api-gateway/models/delete")
    error_message = "The gateway must not change models."
  }
}

run "the_drift_job_reads_logs_and_writes_reports" {
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
    condition     = contains(keys(azurerm_role_assignment.blob), "drift-detector/inference-logs/read") && contains(keys(azurerm_role_assignment.blob), "drift-detector/drift-reports/append")
    error_message = "The drift job must read logs and write reports."
  }

  assert {
    condition     = !contains(keys(azurerm_role_assignment.blob), "drift-detector/inference-logs/append") && !contains(keys(azurerm_role_assignment.blob), "drift-detector/inference-logs/delete")
    error_message = "The drift job must not change logs."
  }

  assert {
    condition     = toset([for key, grant in local.blob_grants : grant.container if grant.component == "drift-detector" && grant.word != "read"]) == toset(["drift-reports", "quality-reports"])
    error_message = "The drift job must write reports alone."
  }
}

run "serving_changes_nothing" {
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
    condition     = alltrue([for key, grant in local.blob_grants : grant.word == "read" && grant.container == "models" if contains(["inference-service", "feature-transformer"], grant.component)])
    error_message = "What serves must only read, and models only."
  }
}

run "nobody_deletes_models_baselines_or_training_data" {
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
    condition     = length([for key, grant in local.blob_grants : key if grant.word == "delete" && contains(["models", "baselines", "training-data", "inference-logs"], grant.container) && join(",", grant.paths) != "*/_runs/*"]) == 0
    error_message = "Releases, baselines, dataset versions and logs must be deletable by no component; folders of runs are."
  }
}

run "there_is_one_assignment_for_each_line_of_the_table" {
  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    dns_zone_id        = "/subscriptions/00000000-0000-0000-0000-0000000000c3/resourceGroups/rg-dns/providers/Microsoft.Network/dnsZones/mlplatform.example"
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  assert {
    condition     = length(azurerm_role_assignment.blob) == sum([for component in yamldecode(file("access.yaml")).components : length(flatten([for grant in component.blobs : grant.may]))])
    error_message = "Every grant of access.yaml must become one assignment."
  }

  assert {
    condition     = length(azurerm_role_assignment.component) == sum([for component in yamldecode(file("access.yaml")).components : length(try(component.roles, []))])
    error_message = "Every role of access.yaml must become one assignment."
  }

  assert {
    condition     = azurerm_role_assignment.component["cert-manager/DNS Zone Contributor/dns_zone"].scope == var.dns_zone_id
    error_message = "cert-manager must write to the one zone that is named."
  }

  assert {
    condition     = alltrue([for assignment in azurerm_role_assignment.blob : assignment.scope == azurerm_storage_container.data["models"].id])
    error_message = "Assignments must end at a container, never at the account."
  }

  assert {
    condition     = alltrue([for assignment in azurerm_role_assignment.blob : assignment.role_definition_id == azurerm_role_definition.blob["read"].role_definition_resource_id])
    error_message = "Blobs must be granted by the roles of this root."
  }
}

run "without_a_zone_nobody_writes_to_one" {
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
    condition     = [for key in keys(azurerm_role_assignment.component) : key if startswith(key, "cert-manager/")] == []
    error_message = "cert-manager must have no role where no zone is named."
  }
}
