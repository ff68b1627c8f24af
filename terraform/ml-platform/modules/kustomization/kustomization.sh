#!/usr/bin/env bash
# kustomization.sh apply|delete: the kustomization in KUSTOMIZATION, in the cluster that Terraform names. It does not read
# a kubeconfig, so that it cannot change another cluster.
set -euo pipefail

refuse() {
  echo "kustomization: ${NAME:-?}: $*" >&2
  exit 1
}

[[ ${1:-} == apply || ${1:-} == delete ]] || refuse "usage: kustomization.sh apply|delete"
for variable in NAME NAMESPACE KUSTOMIZATION CLUSTER_HOST CLUSTER_CA_CERTIFICATE CREDENTIALS; do
  [[ -n ${!variable:-} ]] || refuse "$variable is not set; Terraform sets it"
done
for program in kubectl git; do
  command -v "$program" >/dev/null || refuse "$program is not installed"
done

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
printf '%s' "$KUSTOMIZATION" >"$folder/kustomization.yaml"

# JSON is YAML; CREDENTIALS has the keys of Terraform, kubeconfig's are in another style.
cat >"$folder/kubeconfig" <<TEXT
apiVersion: v1
kind: Config
current-context: platform
contexts:
  - name: platform
    context: {cluster: platform, user: platform}
clusters:
  - name: platform
    cluster: {server: "$CLUSTER_HOST", certificate-authority-data: "$CLUSTER_CA_CERTIFICATE"}
users:
  - name: platform
    user:
      exec: ${CREDENTIALS/\"api_version\"/\"interactiveMode\":\"IfAvailable\",\"apiVersion\"}
TEXT
run() { kubectl --kubeconfig "$folder/kubeconfig" "$@"; }

if [[ $1 == delete ]]; then
  run delete -k "$folder" --ignore-not-found --timeout=10m
  exit
fi

run apply -k "$folder" --server-side --force-conflicts --field-manager=terraform
# Definitions must be known, and programs run, before what follows. Only what is ours is waited for.
kubectl kustomize "$folder" | run get -f - --output name >"$folder/applied"
mapfile -t definitions < <(grep '^customresourcedefinition' "$folder/applied")
mapfile -t programs < <(grep '^deployment' "$folder/applied")
[[ ${#definitions[@]} -eq 0 ]] || run wait --for=condition=Established --timeout=2m "${definitions[@]}"
[[ ${#programs[@]} -eq 0 ]] || run wait --for=condition=Available --timeout=15m --namespace "$NAMESPACE" "${programs[@]}"
