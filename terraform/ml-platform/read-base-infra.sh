#!/usr/bin/env bash
# read-base-infra.sh ENVIRONMENT: writes what base-infra made to environments/ENVIRONMENT.base.tfvars.json. No secret is in it:
# commit it, and a plan needs neither the state of base-infra nor the cluster.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
[[ $# -eq 1 ]] || {
  echo "read-base-infra: usage: read-base-infra.sh ENVIRONMENT, such as: read-base-infra.sh dev" >&2
  exit 2
}
file="$here/environments/$1.base.tfvars.json"
base="$("$here/../run.sh" base-infra "$1" output -json ml_platform | tail -n 1)"
[[ $base == {*} ]] || {
  echo "read-base-infra: base-infra has no output ml_platform for $1; run: terraform/run.sh base-infra $1 apply" >&2
  exit 1
}
printf '{"base": %s}\n' "$base" >"$file.partial"
mv "$file.partial" "$file"
echo "read-base-infra: wrote $file"
