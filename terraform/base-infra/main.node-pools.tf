locals {
  ray_labels = { "mlplatform/pool" = "ray" }
  ray_taints = concat(
    ["mlplatform/pool=ray:NoSchedule"],
    var.node_pools.ray.gpu ? ["nvidia.com/gpu=present:NoSchedule"] : [],
  )
}

resource "azurerm_kubernetes_cluster_node_pool" "cpu" {
  # checkov:skip=CKV_AZURE_227:host encryption follows var.cluster, which refuses false in production
  name                        = "cpu"
  temporary_name_for_rotation = "cputmp"
  kubernetes_cluster_id       = azurerm_kubernetes_cluster.main.id
  mode                        = "User"
  vm_size                     = var.node_pools.cpu.vm_size
  auto_scaling_enabled        = true
  min_count                   = var.node_pools.cpu.min_nodes
  max_count                   = var.node_pools.cpu.max_nodes
  max_pods                    = 110
  vnet_subnet_id              = azurerm_subnet.nodes.id
  zones                       = var.cluster.zones
  os_sku                      = "AzureLinux"
  os_disk_type                = "Ephemeral"
  os_disk_size_gb             = var.node_pools.cpu.os_disk_size_gb
  host_encryption_enabled     = var.cluster.host_encryption
  node_public_ip_enabled      = false
  node_labels                 = { "mlplatform/pool" = "cpu" }
  tags                        = local.tags

  upgrade_settings {
    max_surge                = "33%"
    drain_timeout_in_minutes = 30
  }

  lifecycle {
    ignore_changes = [node_count, orchestrator_version]
  }
}

# Ray's own autoscaler asks for pods, AKS's for nodes to put them on.
resource "azurerm_kubernetes_cluster_node_pool" "ray" {
  # checkov:skip=CKV_AZURE_227:host encryption follows var.cluster, which refuses false in production
  name                        = "ray"
  temporary_name_for_rotation = "raytmp"
  kubernetes_cluster_id       = azurerm_kubernetes_cluster.main.id
  mode                        = "User"
  vm_size                     = var.node_pools.ray.vm_size
  gpu_driver                  = var.node_pools.ray.gpu ? "Install" : null
  auto_scaling_enabled        = true
  min_count                   = var.node_pools.ray.min_nodes
  max_count                   = var.node_pools.ray.max_nodes
  max_pods                    = 110
  vnet_subnet_id              = azurerm_subnet.nodes.id
  zones                       = var.cluster.zones
  os_sku                      = "AzureLinux"
  os_disk_type                = "Ephemeral"
  os_disk_size_gb             = var.node_pools.ray.os_disk_size_gb
  host_encryption_enabled     = var.cluster.host_encryption
  node_public_ip_enabled      = false
  node_labels                 = local.ray_labels
  node_taints                 = local.ray_taints
  tags                        = local.tags

  # A task of hours may end before its node goes.
  upgrade_settings {
    max_surge                = "33%"
    drain_timeout_in_minutes = 120
  }

  lifecycle {
    ignore_changes = [node_count, orchestrator_version]
  }
}
