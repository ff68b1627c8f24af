# Rules between variables that a variable's own validation cannot hold: it may not use values
# derived from itself. A rule that is broken ends the plan, so nothing has changed.
resource "terraform_data" "rules" {
  lifecycle {
    precondition {
      condition     = length(local.overlapping_ranges) == 0
      error_message = "network: address_space, pod_cidr, service_cidr, trusted_ranges and what AKS reserves must not overlap, but ${join("; ", local.overlapping_ranges)}."
    }

    precondition {
      condition     = length(local.subnets_outside) == 0
      error_message = "network: every subnet must lie within address_space ${var.network.address_space}; outside are ${join(", ", local.subnets_outside)}."
    }

    precondition {
      condition     = length(local.overlapping_subnets) == 0
      error_message = "network: subnets must not overlap, but ${join("; ", local.overlapping_subnets)}."
    }

    precondition {
      condition     = local.most_nodes <= local.node_addresses
      error_message = "node_pools: with upgrades the pools may grow to ${local.most_nodes} nodes, but network.subnets.nodes ${var.network.subnets.nodes} has room for ${local.node_addresses}."
    }

    precondition {
      condition     = local.most_nodes <= local.pod_ranges
      error_message = "node_pools: with upgrades the pools may grow to ${local.most_nodes} nodes, but network.pod_cidr ${var.network.pod_cidr} holds the /24 ranges of ${local.pod_ranges}."
    }
  }
}
