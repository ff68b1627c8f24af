resource "azurerm_virtual_network" "main" {
  name                = "vnet-${local.prefix}"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  address_space       = [var.network.address_space]
  tags                = local.tags
}

resource "azurerm_subnet" "nodes" {
  name                            = "snet-nodes"
  resource_group_name             = azurerm_resource_group.main.name
  virtual_network_name            = azurerm_virtual_network.main.name
  address_prefixes                = [var.network.subnets.nodes]
  default_outbound_access_enabled = false
}

resource "azurerm_subnet" "private_endpoints" {
  name                              = "snet-private-endpoints"
  resource_group_name               = azurerm_resource_group.main.name
  virtual_network_name              = azurerm_virtual_network.main.name
  address_prefixes                  = [var.network.subnets.private_endpoints]
  default_outbound_access_enabled   = false
  private_endpoint_network_policies = "NetworkSecurityGroupEnabled"
}

resource "azurerm_network_security_group" "nodes" {
  name                = "nsg-${local.prefix}-nodes"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  tags                = local.tags
}

# What no rule allows is denied: Azure's own last rules allow the network itself and the
# load balancer's probes, and nothing from outside.
resource "azurerm_network_security_rule" "ingress" {
  count = length(var.network.ingress_ip_ranges) > 0 ? 1 : 0

  name                        = "allow-gateway"
  description                 = "Callers of the gateway's load balancer."
  resource_group_name         = azurerm_resource_group.main.name
  network_security_group_name = azurerm_network_security_group.nodes.name
  priority                    = 100
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = "Tcp"
  source_address_prefixes     = var.network.ingress_ip_ranges
  source_port_range           = "*"
  destination_address_prefix  = "*"
  destination_port_range      = "443"
}

resource "azurerm_network_security_group" "private_endpoints" {
  name                = "nsg-${local.prefix}-private-endpoints"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  tags                = local.tags
}

resource "azurerm_network_security_rule" "private_endpoints" {
  for_each = {
    allow-platform = {
      priority = 100
      access   = "Allow"
      sources  = concat([var.network.subnets.nodes], var.network.trusted_ranges)
      ports    = ["443", "5432", "10000"]
      protocol = "Tcp"
    }
    deny-others = {
      priority = 4096
      access   = "Deny"
      sources  = ["0.0.0.0/0"]
      ports    = ["0-65535"]
      protocol = "*"
    }
  }

  name                        = each.key
  resource_group_name         = azurerm_resource_group.main.name
  network_security_group_name = azurerm_network_security_group.private_endpoints.name
  priority                    = each.value.priority
  direction                   = "Inbound"
  access                      = each.value.access
  protocol                    = each.value.protocol
  source_address_prefixes     = each.value.sources
  source_port_range           = "*"
  destination_address_prefix  = var.network.subnets.private_endpoints
  destination_port_ranges     = each.value.ports
}

resource "azurerm_subnet_network_security_group_association" "nodes" {
  subnet_id                 = azurerm_subnet.nodes.id
  network_security_group_id = azurerm_network_security_group.nodes.id
}

resource "azurerm_subnet_network_security_group_association" "private_endpoints" {
  subnet_id                 = azurerm_subnet.private_endpoints.id
  network_security_group_id = azurerm_network_security_group.private_endpoints.id
}

# One fixed address for all that leaves the cluster, so that others can allow it.
resource "azurerm_public_ip" "egress" {
  name                = "pip-${local.prefix}-egress"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  allocation_method   = "Static"
  sku                 = "Standard"
  zones               = var.cluster.zones
  tags                = local.tags
}

resource "azurerm_nat_gateway" "main" {
  name                = "ng-${local.prefix}"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  sku_name            = "Standard"
  tags                = local.tags
}

resource "azurerm_nat_gateway_public_ip_association" "main" {
  nat_gateway_id       = azurerm_nat_gateway.main.id
  public_ip_address_id = azurerm_public_ip.egress.id
}

resource "azurerm_subnet_nat_gateway_association" "nodes" {
  subnet_id      = azurerm_subnet.nodes.id
  nat_gateway_id = azurerm_nat_gateway.main.id
}
