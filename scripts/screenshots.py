"""Takes the pictures of the console in docs/images from a running stack (`make screenshots`)."""

import argparse
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Error, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
WIDTH, TALLEST = 1440, 1500
COLOURS = 128
LARGEST = 300_000
"""The most bytes of a picture."""
PAGES = {
    "overview": "/",
    "use-case": "/use-cases/{use_case}?environment=production",
    "quality": "/use-cases/{use_case}/quality?environment=production",
    "comparison": "/use-cases/{use_case}/comparison?environment=production",
    "try": "/use-cases/{use_case}/try?environment=production",
    "predictions": "/use-cases/{use_case}/predictions?environment=production",
}


def main() -> int:
    """Return 0 if every picture was taken, 1 if not; the last line says which one, and why."""
    given = _arguments()
    wanted = given.only or list(PAGES)
    try:
        with _signed_in(given.console, given.key) as page:
            for name in wanted:
                path = PAGES[name].format(use_case=given.use_case)
                file = given.folder / f"console-{name}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(_picture(page, f"{given.console}{path}"))
                print(f"{file.relative_to(ROOT) if file.is_relative_to(ROOT) else file}")
    except (Error, RuntimeError) as error:
        print(f"no picture: {error}; is the stack up? `make up` prints the console's address")
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--console", default="http://127.0.0.1:8080", help="its address")
    parser.add_argument("--key", default="test-admin-key", help="an API key of the gateway")
    parser.add_argument("--use-case", default="spam", help="one with traffic in production")
    parser.add_argument("--folder", type=Path, default=IMAGES, help="where the pictures go")
    parser.add_argument("--only", action="append", choices=list(PAGES), help="this picture alone")
    return parser.parse_args()


@contextmanager
def _signed_in(console: str, key: str) -> Iterator[Page]:
    """Open the system's Chromium, with light colours and no animation, and sign in."""
    program = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = browser.new_context(
            viewport={"width": WIDTH, "height": 900},
            color_scheme="light",
            reduced_motion="reduce",
            timezone_id="UTC",
            locale="en-GB",
        )
        page = context.new_page()
        page.goto(f"{console}/sign-in")
        page.fill("#key", key)
        page.keyboard.press("Enter")
        page.wait_for_selector(".account")
        yield page
        browser.close()


def _picture(page: Page, url: str) -> bytes:
    """Return the top of a page as PNG, without what changes while it is looked at."""
    answer = page.goto(f"{url}{'&' if '?' in url else '?'}live=off", wait_until="load")
    if answer is None or not answer.ok:
        raise RuntimeError(f"{url} answered {answer.status if answer else 'nothing'}")
    height = int(page.evaluate("document.documentElement.scrollHeight"))
    taken = page.screenshot(
        full_page=True,
        clip={"x": 0, "y": 0, "width": WIDTH, "height": min(height, TALLEST)},
        animations="disabled",
    )
    return _small(taken, url)


def _small(picture: bytes, url: str) -> bytes:
    """Return the picture with few colours; `RuntimeError` if it is still too large."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in _fewer(COLOURS):
        kept = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(kept, "PNG", optimize=True)
        if kept.tell() <= LARGEST:
            return kept.getvalue()
    raise RuntimeError(f"the picture of {url} has more than {LARGEST} bytes")


def _fewer(colours: int) -> Sequence[int]:
    return (colours, colours // 2, colours // 4)


if __name__ == "__main__":
    sys.exit(main())
