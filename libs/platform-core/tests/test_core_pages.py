from pathlib import Path

import pytest
from jinja2 import UndefinedError
from matplotlib.figure import Figure

from platform_core.pages import render

TEMPLATE = """{% extends "page.html" %}
{% from "parts.html" import table %}
{% block content %}{{ table(["part", "rows"], rows) }}{{ figure(plot) }}{% endblock %}"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "some_pages" / "templates"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "rows.html").write_text(TEMPLATE)
    monkeypatch.syspath_prepend(tmp_path)
    return "some_pages"


def plot() -> Figure:
    figure = Figure()
    figure.subplots().plot([0, 1], [1, 0])
    return figure


def test_a_page_carries_its_table_and_picture_and_repeats_itself(package: str) -> None:
    pages = [
        render(package, "rows.html", title="Rows", rows=[("train", 3)], plot=plot())
        for _ in range(2)
    ]
    assert pages[0] == pages[1]
    text = pages[0].decode()
    assert '<td class="number">3</td>' in text
    assert "<svg" in text
    assert "http-equiv" not in text


def test_values_are_escaped_and_missing_ones_are_an_error(package: str) -> None:
    page = render(package, "rows.html", title="<script>", rows=[("<b>", 1)], plot=plot()).decode()
    assert "<script>" not in page
    assert "&lt;b&gt;" in page
    with pytest.raises(UndefinedError):
        render(package, "rows.html", title="Rows")
