"""The self-contained pages look like the console: one set of colours, light and dark."""

import re
from importlib.resources import files

import pytest

VARIABLE = re.compile(r"(--[a-z0-9-]+): ([^;]+);")
DARK = "@media (prefers-color-scheme: dark)"


def variables(css: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the variables of a style sheet in light and in dark."""
    light, dark = css.split(DARK, 1)
    return dict(VARIABLE.findall(light)), dict(VARIABLE.findall(dark[: dark.index("\n}")]))


@pytest.fixture
def page_css() -> str:
    return (files("platform_core") / "pages" / "templates" / "page.css").read_text()


def test_pages_have_the_colours_of_the_console(page_css):
    console = variables((files("console") / "static" / "console.css").read_text())
    for ours, theirs in zip(variables(page_css), console, strict=True):
        assert len(ours) >= 12
        assert ours == {name: theirs.get(name) for name in ours}


def test_every_variable_of_the_pages_is_defined(page_css):
    light, dark = variables(page_css)
    assert set(re.findall(r"var\((--[a-z0-9-]+)\)", page_css)) <= set(light)
    assert set(dark) == set(light) - {"--radius", "--mono"}
