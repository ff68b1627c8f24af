#!/usr/bin/env bash
# bootstrap-state.sh ENVIRONMENT [LOCATION]: makes the storage account that keeps Terraform's state
# and writes environments/ENVIRONMENT.backend.hcl, which names it. Doing it again changes nothing.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
refuse() {
  echo "bootstrap-state: $*" >&2
  exit "${code:-1}"
}

[[ $# -ge 1 && $# -le 2 ]] || code=2 refuse "usage: bootstrap-state.sh ENVIRONMENT [LOCATION]"
environment="$1"
location="${2:-westeurope}"
variables="$here/environments/$environment.tfvars"
[[ $environment =~ ^[a-z]+$ && -f $variables ]] ||
  code=2 refuse "there is no environment '$environment'; environments/ has $(cd "$here/environments" && echo *.tfvars)"
[[ $location =~ ^[a-z0-9]+$ ]] || code=2 refuse "'$location' is not a region; give its short name, such as westeurope"
command -v az >/dev/null || refuse "az, the Azure CLI, is not installed"
subscription="$(az account show --query id --output tsv 2>/dev/null)" ||
  refuse "no account is signed in; run 'az login' and 'az account set --subscription ID' first"
user="$(az ad signed-in-user show --query id --output tsv 2>/dev/null || az account show --query user.name --output tsv)"

name="$(sed -n 's/^name *= *"\(.*\)"$/\1/p' "$variables")"
name="${name:-mlplatform}"
suffix="$(printf '%s' "$subscription/$name/$environment/state" | sha256sum | cut -c1-6)"
group="rg-$name-$environment-state"
account="tf$name$environment$suffix"
[[ ${#account} -le 24 ]] || refuse "'$account' is longer than the 24 characters Azure allows; shorten name in $environment.tfvars"

say() { echo "bootstrap-state: $*"; }

say "resource group $group"
az group create --name "$group" --location "$location" --output none
say "storage account $account"
az storage account create --name "$account" --resource-group "$group" --location "$location" \
  --kind StorageV2 --sku Standard_ZRS --min-tls-version TLS1_2 --https-only true \
  --allow-blob-public-access false --allow-shared-key-access false --require-infrastructure-encryption true \
  --allow-cross-tenant-replication false --output none
az storage account blob-service-properties update --account-name "$account" --resource-group "$group" \
  --enable-versioning true --enable-delete-retention true --delete-retention-days 90 \
  --enable-container-delete-retention true --container-delete-retention-days 90 --output none

# A state holds every generated password, so only who applies may read it.
scope="/subscriptions/$subscription/resourceGroups/$group/providers/Microsoft.Storage/storageAccounts/$account"
say "role Storage Blob Data Contributor for $user"
az role assignment create --assignee "$user" --role "Storage Blob Data Contributor" --scope "$scope" --output none
az storage container-rm create --name tfstate --storage-account "$account" --resource-group "$group" --output none

if [[ -z "$(az lock list --resource-group "$group" --query "[?name=='keep-state'].name" --output tsv)" ]]; then
  say "lock keep-state"
  az lock create --name keep-state --lock-type CanNotDelete --resource-group "$group" --output none
fi

backend="$here/environments/$environment.backend.hcl"
cat >"$backend.partial" <<TEXT
resource_group_name  = "$group"
storage_account_name = "$account"
container_name       = "tfstate"
subscription_id      = "$subscription"
TEXT
mv "$backend.partial" "$backend"
say "wrote $backend"
