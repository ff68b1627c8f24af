environment = "dev"

# Shows the shape only. read-base-infra.sh writes what base-infra made to dev.base.tfvars.json, which replaces it.
base = {
  environment           = "dev"
  tenant_id             = "00000000-0000-0000-0000-000000000000"
  cluster               = { host = "https://cluster.dev.invalid:443", ca_certificate = "" }
  registry_login_server = "mlplatformdev.azurecr.invalid"
  storage_blob_endpoint = "https://mlplatformdev.blob.invalid"
  key_vault_uri         = "https://mlplatformdev.vault.invalid/"
  postgres_fqdn         = "mlplatformdev.postgres.invalid"
  redis_port            = 10000
  client_ids = {
    external-secrets = "00000000-0000-0000-0000-000000000000"
    mlflow           = "00000000-0000-0000-0000-000000000000"
    release-manager  = "00000000-0000-0000-0000-000000000000"
    training         = "00000000-0000-0000-0000-000000000000"
  }
  secrets = {
    api-gateway        = ["api-keys", "ray-token"]
    console            = ["console-secret", "console-sign-in-secret"]
    drift-detector     = ["gateway-api-key"]
    drill              = ["gateway-api-key"]
    grafana            = ["grafana-admin-password"]
    inference-service  = ["redis-url"]
    kubeflow-pipelines = ["kubeflow-db-password"]
    mlflow             = ["mlflow-db-password"]
    ray                = ["ray-token", "redis-url"]
    release-manager    = ["gateway-api-key"]
    training           = ["gateway-api-key", "ray-token", "redis-url"]
  }
  network = {
    virtual_network   = "10.40.0.0/20"
    private_endpoints = "10.40.2.0/27"
    pods              = "10.128.0.0/16"
    services          = "10.42.0.0/20"
  }
}

replicas = {
  control_plane = 1
  mlflow        = 1
  ingress       = { min = 1, max = 2 }
  activator     = { min = 1, max = 2 }
}

mlflow = { workers = 1, cpu = "250m", memory = "1Gi" }

monitoring = {
  replicas       = 1
  retention_days = 7
  storage        = "32Gi"
  cpu            = "250m"
  memory         = "2Gi"
}

quotas = {
  serving          = { cpu = "8", memory = "24Gi", memory_limit = "48Gi", storage = "32Gi", pods = 30, volume_claims = 4 }
  ray              = { cpu = "24", memory = "96Gi", pods = 20, container_cpu = "8", container_memory = "32Gi" }
  mlflow           = { cpu = "2", memory = "4Gi", memory_limit = "8Gi", pods = 6 }
  monitoring       = { cpu = "3", memory = "8Gi", memory_limit = "12Gi", storage = "48Gi", pods = 20, volume_claims = 4 }
  kubeflow         = { cpu = "12", memory = "32Gi", memory_limit = "80Gi", storage = "128Gi", pods = 60, volume_claims = 6, default_memory = "2Gi" }
  kserve           = { cpu = "1", memory = "2Gi", memory_limit = "4Gi", pods = 6 }
  knative-serving  = { cpu = "3", memory = "4Gi", memory_limit = "12Gi", pods = 16 }
  istio-system     = { cpu = "4", memory = "8Gi", memory_limit = "16Gi", pods = 16 }
  cert-manager     = { cpu = "1", memory = "2Gi", memory_limit = "4Gi", pods = 10 }
  external-secrets = { cpu = "1", memory = "2Gi", memory_limit = "4Gi", pods = 10 }
  node-agents      = { cpu = "2", memory = "4Gi", memory_limit = "12Gi", pods = 40 }
}
