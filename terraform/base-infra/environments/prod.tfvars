environment = "prod"
location    = "westeurope"

network = {
  address_space = "10.50.0.0/18"
  subnets = {
    nodes             = "10.50.0.0/21"
    private_endpoints = "10.50.8.0/26"
  }
  pod_cidr     = "10.160.0.0/13"
  service_cidr = "10.52.0.0/20"
}

cluster = {
  kubernetes_version = "1.33"
  sku_tier           = "Standard"
  zones              = ["1", "2", "3"]
}

node_pools = {
  system = { vm_size = "Standard_D4ds_v5", min_nodes = 3, max_nodes = 5 }
  cpu    = { vm_size = "Standard_D8ds_v5", min_nodes = 3, max_nodes = 20 }
  ray    = { vm_size = "Standard_D16ds_v5", min_nodes = 1, max_nodes = 20 }
}

storage = {
  replication             = "GZRS"
  soft_delete_days        = 30
  version_days            = 30
  inference_log_cool_days = 30
  inference_log_days      = 365
  drift_report_days       = 730
}

redis = {
  sku_name          = "Balanced_B5"
  high_availability = true
}

postgres = {
  sku_name              = "GP_Standard_D4ds_v5"
  storage_mb            = 131072
  backup_retention_days = 35
  geo_redundant_backup  = true
  high_availability     = true
}

log_retention_days = 180
