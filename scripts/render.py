"""Print the manifests of an installation, or the rules that they violate.

    python scripts/render.py production --image-tag 1.4.0 [--component training]

Exit 0 with all objects on standard output; 1 if a rule is violated, which the last line names.
"""

import argparse
import sys

from image_digests import pinned
from manifest_rules import broken
from manifests import (
    COMPONENTS,
    REGISTRY,
    ROOT,
    TAG,
    Refused,
    checked_tag,
    installation_values,
    on_azure,
    overlays_of,
    parse,
    read_env,
    render,
)

NIL_UUID = "00000000-0000-0000-0000-000000000000"
EXAMPLES = ("example", NIL_UUID)


def main() -> int:
    """Print everything or nothing."""
    options = _parser().parse_args()
    try:
        print(manifests(options), end="")
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def manifests(options: argparse.Namespace) -> str:
    """Return the objects of the chosen components as one YAML text.

    Raises:
        Refused: they violate a rule.
    """
    wanted = options.component or COMPONENTS
    chosen = [o for o in overlays_of(options.installation) if _component(o.name) in wanted]
    tag, values = checked_tag(options.image_tag), installation_values(options.installation)
    if not options.examples:
        refuse_examples(options.installation)
    placeholders = {TAG: tag, REGISTRY: values[REGISTRY]}
    texts = [render(overlay, placeholders) for overlay in chosen]
    objects = [o for text in texts for o in parse(text)]
    if problems := broken(
        objects, options.installation == "production", on_azure(options.installation)
    ):
        raise Refused("\n".join(problems))
    return pinned("---\n".join(texts), values[REGISTRY], tag)


def _component(name: str) -> str:
    return name.partition("/deploy/")[0]


def refuse_examples(installation: str) -> None:
    """Raise `Refused` if the installation still has example values."""
    settings = read_env(ROOT / "config" / installation / "settings.env")
    values = installation_values(installation) | settings
    left = [k for k, v in values.items() if any(e in v for e in EXAMPLES) or not v]
    if left:
        raise Refused(
            f"config/{installation}/settings.env and config/installations/{installation}/"
            f"installation.env still have examples for {', '.join(left)}; replace them (on Azure: "
            "by `terraform output` of terraform/base-infra)"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("installation", help="a folder of config/: dev, onprem or production")
    parser.add_argument("--image-tag", default="", help="the build to deploy")
    parser.add_argument(
        "--component", action="append", choices=COMPONENTS, help="only this component"
    )
    parser.add_argument("--examples", action="store_true", help="accept the example values")
    return parser


if __name__ == "__main__":
    sys.exit(main())
