# Arithmetic on address ranges, for the rules in main.rules.tf.
locals {
  # AKS refuses clusters that use these.
  reserved_ranges = {
    "AKS reserved 169.254.0.0/16" = "169.254.0.0/16"
    "AKS reserved 172.30.0.0/15"  = "172.30.0.0/15"
    "AKS reserved 192.0.2.0/24"   = "192.0.2.0/24"
  }

  disjoint_ranges = merge(
    local.reserved_ranges,
    { for range in var.network.trusted_ranges : "trusted_ranges ${range}" => range },
    {
      "address_space ${var.network.address_space}" = var.network.address_space
      "pod_cidr ${var.network.pod_cidr}"           = var.network.pod_cidr
      "service_cidr ${var.network.service_cidr}"   = var.network.service_cidr
    },
  )
  subnet_ranges = { for name, range in var.network.subnets : "${name} ${range}" => range }

  # var.network says what is wrong with the others.
  ranges_readable = alltrue([
    for range in concat(values(local.disjoint_ranges), values(local.subnet_ranges)) : can(cidrhost(range, 0))
  ])

  # Two ranges overlap when they are one network under the shorter of their prefixes.
  overlapping_ranges = [
    for pair in(local.ranges_readable ? setproduct(keys(local.disjoint_ranges), keys(local.disjoint_ranges)) : []) :
    "${pair[0]} overlaps ${pair[1]}"
    if index(keys(local.disjoint_ranges), pair[0]) < index(keys(local.disjoint_ranges), pair[1])
    && length(distinct([
      for name in pair : cidrhost(format("%s/%d", split("/", local.disjoint_ranges[name])[0], min([
        for each in pair : tonumber(split("/", local.disjoint_ranges[each])[1])
      ]...)), 0)
    ])) == 1
  ]

  overlapping_subnets = [
    for pair in(local.ranges_readable ? setproduct(keys(local.subnet_ranges), keys(local.subnet_ranges)) : []) :
    "${pair[0]} overlaps ${pair[1]}"
    if index(keys(local.subnet_ranges), pair[0]) < index(keys(local.subnet_ranges), pair[1])
    && length(distinct([
      for name in pair : cidrhost(format("%s/%d", split("/", local.subnet_ranges[name])[0], min([
        for each in pair : tonumber(split("/", local.subnet_ranges[each])[1])
      ]...)), 0)
    ])) == 1
  ]

  subnets_outside = [
    for name, range in(local.ranges_readable ? local.subnet_ranges : {}) : name
    if tonumber(split("/", range)[1]) < tonumber(split("/", var.network.address_space)[1])
    || cidrhost("${split("/", range)[0]}/${split("/", var.network.address_space)[1]}", 0) != split("/", var.network.address_space)[0]
  ]

  # Azure keeps five addresses of a subnet; an upgrade adds a third of each pool's nodes for a while.
  node_addresses = try(pow(2, 32 - tonumber(split("/", var.network.subnets.nodes)[1])) - 5, 0)
  most_nodes     = sum([for pool in var.node_pools : ceil(pool.max_nodes * 4 / 3)])
  # With the overlay each node takes a /24 of pod_cidr.
  pod_ranges = try(pow(2, 24 - tonumber(split("/", var.network.pod_cidr)[1])), 0)
}
