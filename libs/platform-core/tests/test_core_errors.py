"""The tree of errors: what its docstring draws is what there is."""

import inspect
import re

import pytest

from platform_core import errors
from platform_core.errors import PlatformError


def drawn_tree() -> dict[str, str]:
    """Return child → parent as the docstring of the module draws them."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"([│ ├└─]*)([A-Z]\w+)(?:\s{2,}|$)", line)
        if match and not line.startswith(("Every", "Each")):
            depth = len(match[1]) // 4
            path = [*path[:depth], match[2]]
            if depth:
                parents[match[2]] = path[depth - 1]
    return parents


def classes() -> list[type[PlatformError]]:
    members = (member for _, member in inspect.getmembers(errors, inspect.isclass))
    return [member for member in members if issubclass(member, PlatformError)]


def test_the_drawing_is_the_tree() -> None:
    built = {c.__name__: c.__bases__[0].__name__ for c in classes() if c is not PlatformError}
    assert drawn_tree() == built
    assert len(built) > 15


def test_codes_are_distinct_and_stable_in_form() -> None:
    codes = [error.code for error in classes()]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("error", classes(), ids=lambda error: error.__name__)
def test_every_error_says_what_it_means(error: type[PlatformError]) -> None:
    assert (error.__doc__ or "").strip().endswith(".")
    assert str(error("what, where, what to do")) == "what, where, what to do"


def test_unavailable_says_when_to_come_back() -> None:
    assert all(
        error.retry_after > 0 for error in classes() if issubclass(error, errors.Unavailable)
    )
