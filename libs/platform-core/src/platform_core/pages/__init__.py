"""Pages people read: one HTML file that needs nothing else (needs the `pages` extra).

A package keeps its templates in a folder of its own and extends `page.html`:

    {% extends "page.html" %}
    {% from "parts.html" import table %}
    {% block content %}{{ table(["part", "rows"], rows) }}{{ figure(plot) }}{% endblock %}

All pages share `page.css`, which has the console's colours, light and dark.
"""

import io
import warnings
from functools import cache
from importlib.resources import files
from typing import Any

import matplotlib as mpl
from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure


def render(package: str, template: str, **values: Any) -> bytes:
    """Return a page: `template` in the folder `templates` of `package`, filled with `values`.

    Values are escaped; a `Figure` becomes an SVG picture in place. The same values give the
    same bytes. A name that the template uses and that is not given raises `jinja2.UndefinedError`.
    """
    return _environment(package).get_template(template).render(**values).encode()


@cache
def _environment(package: str) -> Environment:
    loaders: list[BaseLoader] = [
        PackageLoader(package, "templates"),
        PackageLoader("platform_core.pages", "templates"),
    ]
    environment = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = files(__name__).joinpath("templates/page.css").read_text()
    environment.globals["figure"] = svg
    return environment


def svg(figure: Figure) -> Markup:
    """Return a figure as SVG; a salt of its own keeps its bytes the same from run to run."""
    buffer = io.StringIO()
    options: Any = {"svg.hashsalt": "mlplatform", "svg.fonttype": "none"}
    with mpl.rc_context(options), warnings.catch_warnings():
        # The browser's fonts draw the text; Matplotlib's need not know every script.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return Markup(buffer.getvalue()[buffer.getvalue().index("<svg") :])  # noqa: S704 - our own
