# Refused before anything changes. The messages are tested by tests/test_terraform_platform_rules.py.
mock_provider "kubernetes" {}
mock_provider "helm" {}

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
    environment = "qa"
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
  }

  expect_failures = [var.environment]
}

run "the_platform_of_one_environment_in_the_cluster_of_another_is_refused" {
  command = plan

  variables {
    environment = "dev"
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
  }

  expect_failures = [var.base]
}

run "zero_replicas_are_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = merge(run.the_file_of_prod_is_read.values.replicas, { mlflow = 0 })
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
  }

  expect_failures = [var.replicas]
}

run "one_replica_in_production_is_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = merge(run.the_file_of_prod_is_read.values.replicas, { control_plane = 1 })
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
  }

  expect_failures = [var.replicas]
}

run "fewer_pods_at_most_than_at_least_are_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = merge(run.the_file_of_prod_is_read.values.replicas, { ingress = { min = 4, max = 3 } })
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
  }

  expect_failures = [var.replicas]
}

run "one_prometheus_in_production_is_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = merge(run.the_file_of_prod_is_read.values.monitoring, { replicas = 1 })
    quotas      = run.the_file_of_prod_is_read.values.quotas
  }

  expect_failures = [var.monitoring]
}

run "a_week_of_metrics_in_production_is_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = merge(run.the_file_of_prod_is_read.values.monitoring, { retention_days = 7 })
    quotas      = run.the_file_of_prod_is_read.values.quotas
  }

  expect_failures = [var.monitoring]
}

run "a_namespace_without_a_quota_is_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = { for name, quota in run.the_file_of_prod_is_read.values.quotas : name => quota if name != "ray" }
  }

  expect_failures = [var.quotas]
}

run "a_quota_of_no_pods_is_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = merge(run.the_file_of_prod_is_read.values.quotas, { kserve = { cpu = "1", memory = "1Gi", pods = 0 } })
  }

  expect_failures = [var.quotas]
}

run "a_serving_namespace_too_small_for_the_gateway_is_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = merge(run.the_file_of_prod_is_read.values.quotas, { serving = { cpu = "8", memory = "16Gi", pods = 20, volume_claims = 4 } })
  }

  expect_failures = [var.quotas]
}

run "memory_in_megabytes_of_ten_is_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = merge(run.the_file_of_prod_is_read.values.quotas, { kserve = { cpu = "1", memory = "2GB", pods = 5 } })
  }

  expect_failures = [var.quotas]
}

run "a_public_gateway_for_everybody_is_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
    ingress     = { internal = false }
  }

  expect_failures = [var.ingress]
}

run "a_range_of_everybody_is_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
    ingress     = { internal = false, source_ranges = ["0.0.0.0/0"] }
  }

  expect_failures = [var.ingress]
}

run "an_authority_without_an_address_is_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
    ingress     = { acme = { email = "nobody" } }
  }

  expect_failures = [var.ingress]
}

run "a_group_by_its_name_is_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
    groups      = { viewers = ["data-scientists"] }
  }

  expect_failures = [var.groups]
}

run "the_password_of_the_administrator_is_refused" {
  command = plan

  variables {
    environment   = run.the_file_of_prod_is_read.values.environment
    base          = run.the_file_of_prod_is_read.values.base
    replicas      = run.the_file_of_prod_is_read.values.replicas
    mlflow        = run.the_file_of_prod_is_read.values.mlflow
    monitoring    = run.the_file_of_prod_is_read.values.monitoring
    quotas        = run.the_file_of_prod_is_read.values.quotas
    extra_secrets = { mlflow = ["postgres-admin-password"] }
  }

  expect_failures = [var.extra_secrets]
}

run "secrets_for_a_foreign_namespace_are_refused" {
  command = plan

  variables {
    environment   = run.the_file_of_prod_is_read.values.environment
    base          = run.the_file_of_prod_is_read.values.base
    replicas      = run.the_file_of_prod_is_read.values.replicas
    mlflow        = run.the_file_of_prod_is_read.values.mlflow
    monitoring    = run.the_file_of_prod_is_read.values.monitoring
    quotas        = run.the_file_of_prod_is_read.values.quotas
    extra_secrets = { kube-system = ["redis-url"] }
  }

  expect_failures = [var.extra_secrets]
}

run "a_missing_identity_is_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = merge(run.the_file_of_prod_is_read.values.base, { client_ids = { mlflow = "00000000-0000-0000-0000-000000000000" } })
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
  }

  expect_failures = [var.base]
}

run "a_cluster_without_a_port_is_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = merge(run.the_file_of_prod_is_read.values.base, { cluster = { host = "cluster.invalid", ca_certificate = "" } })
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
  }

  expect_failures = [var.base]
}

run "a_range_that_is_none_is_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = merge(run.the_file_of_prod_is_read.values.base, { network = merge(run.the_file_of_prod_is_read.values.base.network, { pods = "lots" }) })
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
  }

  expect_failures = [var.base]
}

run "an_unknown_login_is_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
    login       = "password"
  }

  expect_failures = [var.login]
}

run "a_public_authority_without_a_zone_is_refused" {
  command = plan

  variables {
    environment = run.the_file_of_prod_is_read.values.environment
    base        = run.the_file_of_prod_is_read.values.base
    ingress     = { acme = { email = "platform@mlplatform.example" } }
    replicas    = run.the_file_of_prod_is_read.values.replicas
    mlflow      = run.the_file_of_prod_is_read.values.mlflow
    monitoring  = run.the_file_of_prod_is_read.values.monitoring
    quotas      = run.the_file_of_prod_is_read.values.quotas
  }

  expect_failures = [var.ingress]
}
