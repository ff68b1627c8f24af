environment = "prod"

# Shows the shape only. read-base-infra.sh writes what base-infra made to prod.base.tfvars.json, which replaces it.
base = {
  environment           = "prod"
  tenant_id             = "00000000-0000-0000-0000-000000000000"
  cluster               = { host = "https://cluster.prod.invalid:443", ca_certificate = "" }
  registry_login_server = "mlplatformprod.azurecr.invalid"
  storage_blob_endpoint = "https://mlplatformprod.blob.invalid"
  key_vault_uri         = "https://mlplatformprod.vault.invalid/"
  postgres_fqdn         = "mlplatformprod.postgres.invalid"
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
    virtual_network   = "10.50.0.0/18"
    private_endpoints = "10.50.8.0/26"
    pods              = "10.160.0.0/13"
    services          = "10.52.0.0/20"
  }
}

replicas = {
  control_plane = 2
  mlflow        = 2
  ingress       = { min = 3, max = 10 }
  activator     = { min = 2, max = 6 }
}

mlflow = { workers = 4, cpu = "1", memory = "4Gi" }

monitoring = {
  replicas       = 2
  retention_days = 30
  storage        = "256Gi"
  cpu            = "1"
  memory         = "8Gi"
}

quotas = {
  serving          = { cpu = "40", memory = "96Gi", memory_limit = "192Gi", storage = "128Gi", pods = 120, volume_claims = 12 }
  ray              = { cpu = "240", memory = "960Gi", pods = 100, container_cpu = "16", container_memory = "64Gi" }
  mlflow           = { cpu = "6", memory = "16Gi", memory_limit = "24Gi", pods = 10 }
  monitoring       = { cpu = "8", memory = "32Gi", memory_limit = "40Gi", storage = "640Gi", pods = 30, volume_claims = 8, container_memory = "16Gi" }
  kubeflow         = { cpu = "40", memory = "128Gi", memory_limit = "320Gi", storage = "256Gi", pods = 150, volume_claims = 10, container_cpu = "8", container_memory = "32Gi", default_memory = "2Gi" }
  kserve           = { cpu = "2", memory = "4Gi", memory_limit = "8Gi", pods = 10 }
  knative-serving  = { cpu = "8", memory = "8Gi", memory_limit = "32Gi", pods = 40 }
  istio-system     = { cpu = "10", memory = "16Gi", memory_limit = "32Gi", pods = 30 }
  cert-manager     = { cpu = "2", memory = "4Gi", memory_limit = "8Gi", pods = 16 }
  external-secrets = { cpu = "2", memory = "4Gi", memory_limit = "8Gi", pods = 16 }
  node-agents      = { cpu = "10", memory = "16Gi", memory_limit = "64Gi", pods = 120 }
}
