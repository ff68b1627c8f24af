# Refused before anything changes: clusters and nodes.
# The messages are tested by tests/test_terraform_rules.py, which needs no provider.
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

run "zero_nodes_in_production_are_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = { system = { vm_size = "Standard_D4ds_v5", min_nodes = 3, max_nodes = 5 }, cpu = { vm_size = "Standard_D8ds_v5", min_nodes = 0, max_nodes = 20 }, ray = { vm_size = "Standard_D16ds_v5", min_nodes = 1, max_nodes = 20 } }
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [var.node_pools]
}

run "zero_ray_nodes_in_production_are_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = { system = { vm_size = "Standard_D4ds_v5", min_nodes = 3, max_nodes = 5 }, cpu = { vm_size = "Standard_D8ds_v5", min_nodes = 3, max_nodes = 20 }, ray = { vm_size = "Standard_D16ds_v5", min_nodes = 0, max_nodes = 20 } }
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [var.node_pools]
}

run "more_nodes_at_least_than_at_most_are_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = { system = { vm_size = "Standard_D4ds_v5", min_nodes = 3, max_nodes = 5 }, cpu = { vm_size = "Standard_D8ds_v5", min_nodes = 9, max_nodes = 3 }, ray = { vm_size = "Standard_D16ds_v5", min_nodes = 1, max_nodes = 20 } }
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [var.node_pools]
}

run "more_nodes_than_addresses_are_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = { system = { vm_size = "Standard_D4ds_v5", min_nodes = 3, max_nodes = 5 }, cpu = { vm_size = "Standard_D8ds_v5", min_nodes = 3, max_nodes = 900 }, ray = { vm_size = "Standard_D16ds_v5", min_nodes = 1, max_nodes = 900 } }
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [terraform_data.rules]
}

run "a_free_cluster_in_production_is_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = merge(run.the_file_of_prod_is_read.values.cluster, { sku_tier = "Free" })
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [var.cluster]
}

run "one_zone_in_production_is_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = merge(run.the_file_of_prod_is_read.values.cluster, { zones = ["1"] })
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [var.cluster]
}

run "a_pinned_patch_version_is_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = merge(run.the_file_of_prod_is_read.values.cluster, { kubernetes_version = "1.33.1" })
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [var.cluster]
}
