variable "name" {
  description = "What is installed; it shows in messages."
  type        = string
  nullable    = false
}

variable "namespace" {
  description = "Namespace whose Deployments must become available."
  type        = string
  nullable    = false
}

variable "kustomization" {
  description = "Content of kustomization.yaml. Its sources must be pinned."
  type        = string
  nullable    = false

  validation {
    condition = alltrue([
      for source in try(yamldecode(var.kustomization).resources, []) : can(regex("(\\?ref=|/releases/download/)[a-z-]*v?[0-9]+\\.[0-9]+\\.[0-9]+", source))
    ]) && length(try(yamldecode(var.kustomization).resources, [])) > 0
    error_message = "kustomization: each of its resources must be pinned to a version, by ?ref= or as a file of a release."
  }
}

variable "cluster" {
  description = "Kubernetes API: URL and certificate authority in base64."
  type        = object({ host = string, ca_certificate = string })
  nullable    = false
}

variable "credentials" {
  description = "Program that prints a token, as in a kubeconfig's exec."
  type        = object({ api_version = string, command = string, args = list(string) })
  nullable    = false
}

variable "generation" {
  description = "Increase it to apply the same content again, for example after a manual change of the cluster."
  type        = number
  default     = 1
  nullable    = false
}
