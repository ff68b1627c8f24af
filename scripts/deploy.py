"""Apply the manifests of an installation to its cluster: `make deploy-all IMAGE_TAG=1.4.0`.

    python scripts/deploy.py dev --image-tag 1.4.0 [--context NAME] [--component training]

Everything that is missing is reported before anything changes, after a dry run on the API server.
Exit 0 if everything was applied, otherwise 1 with the reason.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable

from manifests import COMPONENTS, Refused, checked_installation, checked_tag, parse
from render import manifests, refuse_examples

APPLY = ("apply", "--server-side", "--field-manager=mlplatform", "--validate=strict", "-f", "-")
LABEL = "mlplatform/environment"
IN_TERRAFORM = {"production": "prod"}
"""Installations that have another name in terraform/ml-platform."""


def main() -> int:
    """Apply everything, or nothing if the dry run fails."""
    options = _parser().parse_args()
    try:
        cluster, text = _prepared(options)
        _dry_run(cluster, text)
    except Refused as error:
        print(f"nothing was changed:\n{error}", file=sys.stderr)
        return 1
    done = subprocess.run([*cluster, *APPLY], input=text, text=True, check=False)
    if done.returncode != 0:
        print("not everything was applied: see above, then run it again", file=sys.stderr)
        return 1
    print(f"applied {options.image_tag} to {options.installation} ({cluster[-1]})")
    return 0


def _prepared(options: argparse.Namespace) -> tuple[list[str], str]:
    """Return the command for the cluster, and the manifests.

    Raises:
        Refused: lists everything that is missing, one line each.
    """
    tried = [
        _try(lambda: checked_tag(options.image_tag)),
        _try(lambda: refuse_examples(checked_installation(options.installation))),
        _try(lambda: context(options.context)),
    ]
    if problems := [str(result) for result in tried if isinstance(result, Refused)]:
        raise Refused("\n".join(problems))
    cluster = ["kubectl", "--context", str(tried[-1])]
    text = manifests(options)
    namespaces = {o["metadata"]["namespace"] for o in parse(text) if "namespace" in o["metadata"]}
    _refuse_another_cluster(cluster, options.installation, namespaces)
    return cluster, text


def _try(step: Callable[[], str | None]) -> str | Refused | None:
    try:
        return step()
    except Refused as error:
        return error


def context(name: str) -> str:
    """Return the context of kubectl: `name`, or the current one.

    Raises:
        Refused: kubectl is missing, or does not have the context.
    """
    asked = (
        ["config", "get-contexts", name, "-o", "name"] if name else ["config", "current-context"]
    )
    try:
        done = _kubectl("kubectl", *asked)
    except FileNotFoundError:
        raise Refused("kubectl is not on PATH: it applies the manifests") from None
    if done.returncode == 0 and done.stdout.strip():
        return done.stdout.strip()
    what = f"has no context {name!r}" if name else "has no current context"
    raise Refused(
        f"there is no cluster: kubectl {what}; `az aks get-credentials --resource-group <group> "
        "--name <cluster>` and `kubelogin convert-kubeconfig -l azurecli` add one (outputs "
        "resource_group_name and cluster_name of base-infra), CONTEXT=<name> selects one"
    )


def _refuse_another_cluster(cluster: list[str], installation: str, needed: set[str]) -> None:
    done = _kubectl(*cluster, "get", "--raw", "/api/v1/namespaces")
    if done.returncode != 0:
        raise Refused(
            f"the cluster of context {cluster[-1]} does not answer: {done.stderr.strip()}"
        )
    found = {o["metadata"]["name"]: o["metadata"] for o in json.loads(done.stdout)["items"]}
    if missing := sorted(needed - set(found)):
        raise Refused(
            f"the cluster of context {cluster[-1]} has no namespace {', '.join(missing)}; "
            f"terraform/ml-platform creates them, with everything the manifests need"
        )
    expected = IN_TERRAFORM.get(installation, installation)
    for name in sorted(needed):
        actual = found[name].get("labels", {}).get(LABEL, expected)
        if actual != expected:
            raise Refused(
                f"context {cluster[-1]} is the cluster of {actual} (label {LABEL} of namespace "
                f"{name}), not of {expected}; select another with CONTEXT=<name>"
            )


def _dry_run(cluster: list[str], text: str) -> None:
    done = _kubectl(*cluster, *APPLY, "--dry-run=server", stdin=text)
    if done.returncode != 0:
        raise Refused(f"the API server of {cluster[-1]} refuses:\n{done.stderr.strip()}")


def _kubectl(*command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("installation", help="a folder of config/: dev, onprem or production")
    parser.add_argument("--image-tag", default="", help="the build to deploy")
    parser.add_argument(
        "--context", default="", help="context of kubectl; default: the current one"
    )
    parser.add_argument(
        "--component", action="append", choices=COMPONENTS, help="only this component"
    )
    parser.set_defaults(examples=False)
    return parser


if __name__ == "__main__":
    sys.exit(main())
