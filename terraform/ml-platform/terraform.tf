terraform {
  # The same as in base-infra, whose tests need it.
  required_version = ">= 1.11.4, < 2.0.0"

  required_providers {
    helm = {
      source  = "hashicorp/helm"
      version = "~> 3.1"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = "~> 3.2"
    }
  }
}

# Neither needs the cluster while planning. Local accounts are off: kubelogin gets a token of Entra ID.
provider "kubernetes" {
  host                   = var.base.cluster.host
  cluster_ca_certificate = base64decode(var.base.cluster.ca_certificate)

  exec {
    api_version = local.kubelogin.api_version
    command     = local.kubelogin.command
    args        = local.kubelogin.args
  }
}

provider "helm" {
  kubernetes = {
    host                   = var.base.cluster.host
    cluster_ca_certificate = base64decode(var.base.cluster.ca_certificate)
    exec                   = local.kubelogin
  }
}
