environment = "dev"
location    = "westeurope"

network = {
  address_space = "10.40.0.0/20"
  subnets = {
    nodes             = "10.40.0.0/23"
    private_endpoints = "10.40.2.0/27"
  }
  pod_cidr     = "10.128.0.0/16"
  service_cidr = "10.42.0.0/20"
  # Put your own here: this range is reserved for documentation. Without any, all is private as in prod.
  authorized_ip_ranges = ["203.0.113.0/24"]
}

cluster = {
  kubernetes_version = "1.33"
  sku_tier           = "Free"
  zones              = ["1"]
  host_encryption    = false
}

node_pools = {
  system = { vm_size = "Standard_D4ds_v5", min_nodes = 1, max_nodes = 2 }
  cpu    = { vm_size = "Standard_D4ds_v5", min_nodes = 1, max_nodes = 4 }
  ray    = { vm_size = "Standard_D8ds_v5", min_nodes = 0, max_nodes = 3 }
}

storage = {
  replication             = "LRS"
  soft_delete_days        = 7
  version_days            = 7
  inference_log_cool_days = 7
  inference_log_days      = 30
  drift_report_days       = 90
}

redis = {
  sku_name          = "Balanced_B0"
  high_availability = false
}

postgres = {
  sku_name              = "B_Standard_B2ms"
  storage_mb            = 32768
  backup_retention_days = 7
  geo_redundant_backup  = false
  high_availability     = false
}

log_retention_days = 30
