locals {
  # Storage account, vault, registry, database and Redis need names that are unique in Azure.
  suffix = substr(sha256("${data.azurerm_client_config.current.subscription_id}/${var.name}/${var.environment}"), 0, 6)
  prefix = "${var.name}-${var.environment}"
  joined = "${var.name}${var.environment}${local.suffix}"

  tags = merge(var.tags, {
    environment  = var.environment
    platform     = var.name
    "managed-by" = "terraform"
  })

  # Without ranges that may come in from outside everything is private.
  private = length(var.network.authorized_ip_ranges) == 0
}
