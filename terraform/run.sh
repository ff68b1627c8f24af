#!/usr/bin/env bash
# run.sh ROOT ENVIRONMENT COMMAND [ARGUMENTS]: terraform COMMAND in terraform/ROOT with the state and the
# variables of ENVIRONMENT. What is missing is said before terraform starts.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
refuse() {
  echo "run: $*" >&2
  exit 2
}

[[ $# -ge 3 ]] || refuse "usage: run.sh ROOT ENVIRONMENT COMMAND [ARGUMENTS], such as: run.sh base-infra dev plan"
root="$1" environment="$2" command="$3"
shift 3
[[ -f $here/$root/terraform.tf ]] || refuse "there is no root '$root' in terraform/"
variables="$here/$root/environments/$environment.tfvars"
[[ $environment =~ ^[a-z]+$ && -f $variables ]] ||
  refuse "there is no environment '$environment'; $root/environments has $(cd "$here/$root/environments" && echo *.tfvars)"
backend="$here/base-infra/environments/$environment.backend.hcl"
[[ -f $backend ]] ||
  refuse "there is no backend for $environment ($backend); run base-infra/bootstrap-state.sh $environment first"
files=(-var-file="$variables")
if [[ -x $here/$root/read-base-infra.sh ]]; then
  made="$here/$root/environments/$environment.base.tfvars.json"
  [[ -f $made ]] || refuse "what base-infra made is not known ($made); run $root/read-base-infra.sh $environment first"
  files+=(-var-file="$made")
fi
command -v terraform >/dev/null || refuse "terraform is not installed"

# Data of the two environments stay apart, so that neither is ever planned with the other's state.
export TF_DATA_DIR="$here/$root/.terraform/$environment"
cd "$here/$root"
# Its messages must not become part of what `output` prints.
terraform init -input=false -reconfigure -backend-config="$backend" -backend-config="key=$root-$environment.tfstate" >&2
case "$command" in
  plan | apply | destroy | refresh | console | import) exec terraform "$command" "${files[@]}" "$@" ;;
  *) exec terraform "$command" "$@" ;;
esac
