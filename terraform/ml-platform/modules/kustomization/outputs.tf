output "kustomization" {
  description = "What is applied."
  value       = yamldecode(var.kustomization)
}

output "removable" {
  description = "What destroying takes away; the same, whatever was applied before."
  value       = yamldecode(terraform_data.removal.input.KUSTOMIZATION)
}
