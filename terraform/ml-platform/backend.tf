# The rest comes from base-infra/environments/<environment>.backend.hcl, which bootstrap-state.sh writes.
terraform {
  backend "azurerm" {
    use_azuread_auth = true
  }
}
