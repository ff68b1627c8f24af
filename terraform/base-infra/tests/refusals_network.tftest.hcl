# Refused before anything changes: address ranges.
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

run "the_file_of_dev_is_read" {
  module {
    source = "./tests/environment"
  }
  variables {
    name = "dev"
  }
}

run "pods_overlapping_the_network_are_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = merge(run.the_file_of_prod_is_read.values.network, { pod_cidr = "10.48.0.0/13" })
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [terraform_data.rules]
}

run "services_overlapping_pods_are_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = merge(run.the_file_of_prod_is_read.values.network, { service_cidr = "10.160.0.0/20" })
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [terraform_data.rules]
}

run "a_range_aks_reserves_is_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = merge(run.the_file_of_prod_is_read.values.network, { service_cidr = "172.30.0.0/20" })
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [terraform_data.rules]
}

run "a_hub_overlapping_the_network_is_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = merge(run.the_file_of_prod_is_read.values.network, { trusted_ranges = ["10.50.32.0/24"] })
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [terraform_data.rules]
}

run "overlapping_subnets_are_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = merge(run.the_file_of_prod_is_read.values.network, { subnets = { nodes = "10.50.0.0/21", private_endpoints = "10.50.4.0/26" } })
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [terraform_data.rules]
}

run "a_subnet_outside_the_network_is_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = merge(run.the_file_of_prod_is_read.values.network, { subnets = { nodes = "10.50.0.0/21", private_endpoints = "10.51.8.0/26" } })
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [terraform_data.rules]
}

run "a_range_that_is_none_is_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = merge(run.the_file_of_prod_is_read.values.network, { ingress_ip_ranges = ["everybody"] })
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [var.network]
}

run "a_door_into_production_is_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_prod_is_read.values.environment
    location           = run.the_file_of_prod_is_read.values.location
    network            = merge(run.the_file_of_prod_is_read.values.network, { authorized_ip_ranges = ["198.51.100.0/24"] })
    cluster            = run.the_file_of_prod_is_read.values.cluster
    node_pools         = run.the_file_of_prod_is_read.values.node_pools
    storage            = run.the_file_of_prod_is_read.values.storage
    redis              = run.the_file_of_prod_is_read.values.redis
    postgres           = run.the_file_of_prod_is_read.values.postgres
    log_retention_days = run.the_file_of_prod_is_read.values.log_retention_days
  }

  expect_failures = [var.network]
}

run "the_internet_as_authorised_range_is_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_dev_is_read.values.environment
    location           = run.the_file_of_dev_is_read.values.location
    network            = merge(run.the_file_of_dev_is_read.values.network, { authorized_ip_ranges = ["0.0.0.0/0"] })
    cluster            = run.the_file_of_dev_is_read.values.cluster
    node_pools         = run.the_file_of_dev_is_read.values.node_pools
    storage            = run.the_file_of_dev_is_read.values.storage
    redis              = run.the_file_of_dev_is_read.values.redis
    postgres           = run.the_file_of_dev_is_read.values.postgres
    log_retention_days = run.the_file_of_dev_is_read.values.log_retention_days
  }

  expect_failures = [var.network]
}

run "a_zone_by_its_name_is_refused" {
  command = plan

  variables {
    environment        = run.the_file_of_dev_is_read.values.environment
    location           = run.the_file_of_dev_is_read.values.location
    network            = run.the_file_of_dev_is_read.values.network
    dns_zone_id        = "mlplatform.example"
    cluster            = run.the_file_of_dev_is_read.values.cluster
    node_pools         = run.the_file_of_dev_is_read.values.node_pools
    storage            = run.the_file_of_dev_is_read.values.storage
    redis              = run.the_file_of_dev_is_read.values.redis
    postgres           = run.the_file_of_dev_is_read.values.postgres
    log_retention_days = run.the_file_of_dev_is_read.values.log_retention_days
  }

  expect_failures = [var.dns_zone_id]
}
