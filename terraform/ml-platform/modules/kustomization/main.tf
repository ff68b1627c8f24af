# What has no chart: one kustomization of pinned sources, applied on the server's side and taken away on destroy.
terraform {
  required_version = ">= 1.11.4, < 2.0.0"
}

locals {
  cluster = {
    NAME                   = var.name
    NAMESPACE              = var.namespace
    CLUSTER_HOST           = var.cluster.host
    CLUSTER_CA_CERTIFICATE = var.cluster.ca_certificate
    CREDENTIALS            = jsonencode(var.credentials)
  }
}

# Keeps what destroying needs, which may name nothing but itself. It is never replaced, so that an
# upgrade deletes nothing: custom resources would go with their definitions.
resource "terraform_data" "removal" {
  input = merge(local.cluster, { KUSTOMIZATION = var.kustomization, SCRIPT = "${path.module}/kustomization.sh" })

  provisioner "local-exec" {
    when        = destroy
    command     = "${self.input.SCRIPT} delete"
    environment = self.input
  }
}

# Applied again whenever the kustomization or the cluster is another.
resource "terraform_data" "applied" {
  triggers_replace = [var.kustomization, var.cluster.host, var.generation]

  provisioner "local-exec" {
    command     = "${path.module}/kustomization.sh apply"
    environment = merge(local.cluster, { KUSTOMIZATION = var.kustomization })
  }

  depends_on = [terraform_data.removal]
}
