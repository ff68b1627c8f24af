"""The digests of the images of one build, in `dist/images.json`.

    push-images | python scripts/image_digests.py REGISTRY TAG

writes the file; `pinned` replaces the tag of the build in rendered manifests by the digests.
"""

import json
import re
import sys
from pathlib import Path

FILE = Path(__file__).parent.parent / "dist" / "images.json"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def pinned(text: str, registry: str, tag: str, file: Path = FILE) -> str:
    """Return `text` with the images of the build named by their digest in `file`.

    A file of another build or another registry is ignored.
    """
    if not file.exists():
        return text
    known = json.loads(file.read_text())
    if (known["registry"], known["tag"]) != (registry, tag):
        return text
    for name, digest in known["images"].items():
        image = re.compile(rf"{re.escape(f'{registry}/{name}:{tag}')}(?![\w.-])")
        text = image.sub(f"{registry}/{name}@{digest}", text)
    return text


def main(registry: str, tag: str) -> None:
    """Write the digests given as `name digest` lines on standard input."""
    images = dict(line.split() for line in sys.stdin if line.strip())
    wrong = [name for name, digest in images.items() if not DIGEST.fullmatch(digest)]
    if wrong or not images:
        sys.exit(f"no digests for {', '.join(wrong) or 'any image'}: nothing was written")
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps({"registry": registry, "tag": tag, "images": images}, indent=1))
    print(f"the digests of {len(images)} images are in {FILE}")


if __name__ == "__main__":
    main(*sys.argv[1:])
