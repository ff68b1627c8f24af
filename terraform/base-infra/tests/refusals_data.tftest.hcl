# Refused before anything changes: names, stores, keys.
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

run "an_unknown_environment_is_refused" {
  command = plan

  variables {
    environment        = "qa"
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [var.environment]
}

run "a_name_too_long_for_azure_is_refused" {
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
    name               = "machine-learning-platform"
  }

  expect_failures = [var.name]
}

run "a_region_by_its_long_name_is_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = "West Europe"
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [var.location]
}

run "one_copy_of_blobs_in_production_is_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = merge(run.the_file_of_prod_is_read.values.storage, { replication = "LRS" })
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [var.storage]
}

run "logs_that_go_before_they_are_cool_are_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = merge(run.the_file_of_prod_is_read.values.storage, { inference_log_days = 10 })
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [var.storage]
}

run "an_online_store_without_replica_in_production_is_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = merge(run.the_file_of_prod_is_read.values.redis, { high_availability = false })
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [var.redis]
}

run "a_database_without_standby_in_production_is_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = merge(run.the_file_of_prod_is_read.values.postgres, { high_availability = false })
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [var.postgres]
}

run "a_burstable_database_with_standby_is_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = run.the_file_of_prod_is_read.values.network
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = merge(run.the_file_of_prod_is_read.values.postgres, { sku_name = "B_Standard_B2ms" })
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [var.postgres]
}

run "logs_of_a_month_in_production_are_refused" {
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
    log_retention_days = 30
  }

  expect_failures = [var.log_retention_days]
}

run "a_key_in_the_place_of_its_hash_is_refused" {
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
    api_keys           = [{ name = "team", role = "operator", sha256 = "my-secret-key" }]
  }

  expect_failures = [var.api_keys]
}

run "the_documented_development_keys_are_refused" {
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
    api_keys           = [{ name = "team", role = "operator", sha256 = sha256("test-operator-key") }]
  }

  expect_failures = [var.api_keys]
}

run "a_group_by_its_name_is_refused" {
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
    administrator_group_ids = ["platform-team"]
  }

  expect_failures = [var.administrator_group_ids]
}
