# Reads environments/<name>.tfvars, so that tests judge the very file that is applied.
terraform {
  required_version = ">= 1.11.4, < 2.0.0"

  required_providers {
    terraform = {
      source = "terraform.io/builtin/terraform"
    }
  }
}

variable "name" {
  description = "Name of the environment."
  type        = string
}

output "values" {
  description = "What the file sets."
  value       = provider::terraform::decode_tfvars(file("${path.module}/../../environments/${var.name}.tfvars"))
}
