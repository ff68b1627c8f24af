"""The links of the frame. A new page adds itself to `MAIN` or to `TABS`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlencode

from starlette.requests import Request

from mlplatform_client.models.history import UseCaseDocument
from platform_core.contracts.environments import Environment

MAIN = (
    ("Overview", "/"),
    ("Changes", "/changes"),
    ("Predictions", "/predictions"),
    ("Runs", "/runs"),
    ("Data", "/datasets"),
    ("Batch", "/batch"),
)
"""Text and URL of the pages about the whole platform."""

FILTERED = {"/changes", "/predictions", "/runs", "/datasets"}
"""Those of `MAIN` that show one use case only, if their query names it."""

TABS = (
    ("Serving", ""),
    ("Releases", "/releases"),
    ("Quality and drift", "/quality"),
    ("Live comparison", "/comparison"),
    ("Predictions", "/predictions"),
    ("Try it", "/try"),
)
"""Text, and path below `/use-cases/{use_case}`, of the pages about one use case."""

REFRESH_SECONDS = 10


@dataclass(frozen=True)
class NavigationLink:
    """A link; `current` marks the page that is shown."""

    text: str
    url: str
    current: bool = False
    detail: str = ""


@dataclass(frozen=True)
class Navigation:
    """All links of the frame; `tabs` are those of `use_case`."""

    main: Sequence[NavigationLink]
    use_cases: Sequence[NavigationLink]
    use_case: str
    tabs: Sequence[NavigationLink]


@dataclass(frozen=True)
class Live:
    """Whether live parts refresh, how often, from which URL, and the link to the other setting.

    A template adds the ids of its live parts to `parts` while it is rendered.
    """

    on: bool
    seconds: int
    url: str
    other: str
    parts: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, request: Request, seconds: int) -> Self:
        """Return the setting of a page: `?live=off` pauses it."""
        on = request.query_params.get("live") != "off"
        rest = [(k, v) for k, v in request.query_params.multi_items() if k != "live"]
        path, query = request.url.path, urlencode(rest)
        here = f"{path}?{query}" if query else path
        paused = f"{path}?{urlencode([*rest, ('live', 'off')])}"
        return cls(
            on, REFRESH_SECONDS if seconds is True else seconds, here, paused if on else here
        )


def navigation(request: Request, cases: Sequence[UseCaseDocument], use_case: str) -> Navigation:
    """Return the links of a page about `use_case`, or about the whole platform ("").

    The lists of the main navigation show the use case of the page as well.
    """
    path = request.url.path
    base = f"/use-cases/{use_case}"
    tabs = [(text, base + rest) for text, rest in TABS] if use_case else []
    environment = request.query_params.get("environment")
    suffix = f"?environment={environment}" if environment in set(Environment) else ""
    chosen = f"?{urlencode({'use_case': use_case})}" if use_case else ""
    current = max((url for _, url in tabs if _within(path, url)), key=len, default="")
    return Navigation(
        main=[
            NavigationLink(text, url + (chosen if url in FILTERED else ""), _within(path, url))
            for text, url in MAIN
        ],
        use_cases=[
            NavigationLink(one.name, f"/use-cases/{one.name}", one.name == use_case, one.title)
            for one in cases
        ],
        use_case=use_case,
        tabs=[NavigationLink(text, url + suffix, url == current) for text, url in tabs],
    )


def environment_switch(request: Request, current: str) -> list[NavigationLink]:
    """Return a link to the same page for each environment."""
    rest = [(k, v) for k, v in request.query_params.multi_items() if k != "environment"]
    return [
        NavigationLink(
            one.value,
            f"{request.url.path}?{urlencode([*rest, ('environment', one.value)])}",
            one.value == current,
        )
        for one in reversed(Environment)
    ]


def _within(path: str, url: str) -> bool:
    return path == url or (url != "/" and path.startswith(f"{url}/"))
