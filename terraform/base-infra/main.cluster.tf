locals {
  cluster_fqdn = local.private ? azurerm_kubernetes_cluster.main.private_fqdn : azurerm_kubernetes_cluster.main.fqdn
}

resource "azurerm_kubernetes_cluster" "main" {
  # checkov:skip=CKV_AZURE_170:development is free of charge; var.cluster refuses that in production
  # checkov:skip=CKV_AZURE_117:Azure encrypts the disks; whether with a key of its own is for the organisation to decide
  # checkov:skip=CKV_AZURE_172:secrets come through External Secrets, so there is no CSI driver to rotate them
  # checkov:skip=CKV_AZURE_227:host encryption follows var.cluster, which refuses false in production
  name                = "aks-${local.prefix}"
  resource_group_name = azurerm_resource_group.main.name
  node_resource_group = "rg-${local.prefix}-nodes"
  location            = azurerm_resource_group.main.location
  dns_prefix          = local.prefix
  kubernetes_version  = var.cluster.kubernetes_version
  sku_tier            = var.cluster.sku_tier
  tags                = local.tags

  automatic_upgrade_channel = "patch"
  node_os_upgrade_channel   = "NodeImage"

  role_based_access_control_enabled = true
  local_account_disabled            = true
  oidc_issuer_enabled               = true
  workload_identity_enabled         = true
  run_command_enabled               = false
  azure_policy_enabled              = true
  image_cleaner_enabled             = true
  image_cleaner_interval_hours      = 168
  cost_analysis_enabled             = var.cluster.sku_tier != "Free"

  private_cluster_enabled             = local.private
  private_cluster_public_fqdn_enabled = false
  private_dns_zone_id                 = local.private ? "System" : null

  azure_active_directory_role_based_access_control {
    tenant_id              = data.azurerm_client_config.current.tenant_id
    azure_rbac_enabled     = true
    admin_group_object_ids = var.administrator_group_ids
  }

  dynamic "api_server_access_profile" {
    for_each = local.private ? [] : [1]
    content {
      authorized_ip_ranges = var.network.authorized_ip_ranges
    }
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.component["control-plane"].id]
  }

  kubelet_identity {
    client_id                 = azurerm_user_assigned_identity.component["kubelet"].client_id
    object_id                 = azurerm_user_assigned_identity.component["kubelet"].principal_id
    user_assigned_identity_id = azurerm_user_assigned_identity.component["kubelet"].id
  }

  network_profile {
    network_plugin      = "azure"
    network_plugin_mode = "overlay"
    network_data_plane  = "cilium"
    network_policy      = "cilium"
    load_balancer_sku   = "standard"
    outbound_type       = "userAssignedNATGateway"
    pod_cidr            = var.network.pod_cidr
    service_cidr        = var.network.service_cidr
    dns_service_ip      = cidrhost(var.network.service_cidr, 10)
  }

  # The pools below scale; nodes are not made up as pods ask for them.
  node_provisioning_profile {
    mode = "Manual"
  }

  default_node_pool {
    name                         = "system"
    temporary_name_for_rotation  = "systemtmp"
    vm_size                      = var.node_pools.system.vm_size
    auto_scaling_enabled         = true
    min_count                    = var.node_pools.system.min_nodes
    max_count                    = var.node_pools.system.max_nodes
    max_pods                     = 110
    only_critical_addons_enabled = true
    vnet_subnet_id               = azurerm_subnet.nodes.id
    zones                        = var.cluster.zones
    os_sku                       = "AzureLinux"
    os_disk_type                 = "Ephemeral"
    os_disk_size_gb              = var.node_pools.system.os_disk_size_gb
    host_encryption_enabled      = var.cluster.host_encryption
    node_public_ip_enabled       = false
    tags                         = local.tags

    upgrade_settings {
      max_surge                     = "33%"
      drain_timeout_in_minutes      = 30
      node_soak_duration_in_minutes = 0
    }
  }

  auto_scaler_profile {
    balance_similar_node_groups   = true
    expander                      = "least-waste"
    skip_nodes_with_local_storage = false
    skip_nodes_with_system_pods   = true
  }

  maintenance_window_auto_upgrade {
    frequency   = "Weekly"
    interval    = 1
    duration    = 4
    day_of_week = var.cluster.maintenance.day
    start_time  = var.cluster.maintenance.start_time
    utc_offset  = "+00:00"
  }

  maintenance_window_node_os {
    frequency   = "Weekly"
    interval    = 1
    duration    = 4
    day_of_week = var.cluster.maintenance.day
    start_time  = var.cluster.maintenance.start_time
    utc_offset  = "+00:00"
  }

  oms_agent {
    log_analytics_workspace_id      = azurerm_log_analytics_workspace.main.id
    msi_auth_for_monitoring_enabled = true
  }

  lifecycle {
    # Automatic upgrades move the patch version; the autoscaler moves the count.
    ignore_changes = [default_node_pool[0].node_count, default_node_pool[0].orchestrator_version]
  }

  depends_on = [
    azurerm_nat_gateway_public_ip_association.main,
    azurerm_role_assignment.component,
    azurerm_subnet_nat_gateway_association.nodes,
    azurerm_subnet_network_security_group_association.nodes,
  ]
}
