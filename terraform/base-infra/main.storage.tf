resource "azurerm_storage_account" "data" {
  # checkov:skip=CKV_AZURE_206:development goes without; var.storage refuses that in production
  # checkov:skip=CKV_AZURE_33:there are no queues
  # checkov:skip=CKV_AZURE_43:var.name keeps names within the rules
  # checkov:skip=CKV_AZURE_59:public access follows network.authorized_ip_ranges, which production refuses
  # checkov:skip=CKV2_AZURE_1:Azure encrypts twice; whether with a key of its own is for the organisation to decide
  name                     = "st${local.joined}"
  resource_group_name      = azurerm_resource_group.main.name
  location                 = azurerm_resource_group.main.location
  account_kind             = "StorageV2"
  account_tier             = "Standard"
  account_replication_type = var.storage.replication
  access_tier              = "Hot"
  # Versioning, on which restoring a ledger depends, exists without a hierarchical namespace only.
  is_hns_enabled = false

  min_tls_version                   = "TLS1_2"
  https_traffic_only_enabled        = true
  infrastructure_encryption_enabled = true
  shared_access_key_enabled         = false
  default_to_oauth_authentication   = true
  local_user_enabled                = false
  allow_nested_items_to_be_public   = false
  cross_tenant_replication_enabled  = false
  allowed_copy_scope                = "AAD"
  public_network_access_enabled     = !local.private
  tags                              = local.tags

  network_rules {
    default_action = "Deny"
    bypass         = ["AzureServices"]
    # Storage takes single addresses without a prefix.
    ip_rules = [for range in var.network.authorized_ip_ranges : trimsuffix(range, "/32")]
  }

  blob_properties {
    versioning_enabled            = true
    change_feed_enabled           = true
    change_feed_retention_in_days = var.storage.version_days

    delete_retention_policy {
      days = var.storage.soft_delete_days
    }

    container_delete_retention_policy {
      days = var.storage.soft_delete_days
    }
  }

  sas_policy {
    expiration_period = "00.01:00:00"
    expiration_action = "Log"
  }
}

resource "azurerm_storage_container" "data" {
  # checkov:skip=CKV2_AZURE_21:the diagnostic setting of the account logs reads, writes and deletes
  for_each = local.access.containers

  name                  = each.key
  storage_account_id    = azurerm_storage_account.data.id
  container_access_type = "private"
}

resource "azurerm_storage_management_policy" "data" {
  storage_account_id = azurerm_storage_account.data.id

  rule {
    name    = "inference-logs"
    enabled = true

    filters {
      blob_types   = ["blockBlob"]
      prefix_match = ["inference-logs/"]
    }

    actions {
      base_blob {
        tier_to_cool_after_days_since_modification_greater_than = var.storage.inference_log_cool_days
        delete_after_days_since_modification_greater_than       = var.storage.inference_log_days
      }
    }
  }

  rule {
    name    = "drift-reports"
    enabled = true

    filters {
      blob_types   = ["blockBlob"]
      prefix_match = ["drift-reports/", "quality-reports/"]
    }

    actions {
      base_blob {
        delete_after_days_since_modification_greater_than = var.storage.drift_report_days
      }
    }
  }

  rule {
    name    = "former-versions"
    enabled = true

    filters {
      blob_types = ["blockBlob"]
    }

    actions {
      version {
        delete_after_days_since_creation = var.storage.version_days
      }
      snapshot {
        delete_after_days_since_creation_greater_than = var.storage.version_days
      }
    }
  }
}
