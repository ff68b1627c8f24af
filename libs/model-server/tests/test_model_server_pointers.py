import json

import pytest

from model_server import ReleasePointers
from platform_core.errors import ReleaseNotFound, ReleaseRefused


@pytest.fixture
def pointers(tmp_path):
    folder = tmp_path / "staging"
    folder.mkdir()
    for name, extra in (("iris", {}), ("spam", {"model_version": "7"})):
        pointer = {"use_case": name, "release_id": "a" * 32, "release_uri": "file:///x", **extra}
        (folder / f"{name}.json").write_text(json.dumps(pointer))
    (folder / "half.partial").write_text("{")
    (tmp_path / "secret.json").write_text("{}")
    return ReleasePointers(folder)


def test_pointers_are_listed(pointers, tmp_path):
    (tmp_path / "staging" / "churn.json").touch()  # a pod before its first release
    assert pointers.names() == ["iris", "spam"]
    assert ReleasePointers(tmp_path / "production").names() == []


def test_the_version_is_the_registered_one_or_else_the_release(pointers):
    assert pointers.read("spam").version == "7"
    assert pointers.read("iris").version == "a" * 32


@pytest.mark.parametrize(
    "name", ["churn", "iris-aaaaaaaa", "../secret", "..", "", "a\x00b", "A", "iris-", "-"]
)
def test_nothing_else_can_be_read(pointers, name):
    with pytest.raises(ReleaseNotFound, match=r"no release of .* is deployed"):
        pointers.read(name)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"use_case": "iris"}'])
def test_an_unreadable_pointer_is_refused(pointers, tmp_path, text):
    (tmp_path / "staging" / "iris.json").write_text(text)

    with pytest.raises(ReleaseRefused, match="unreadable"):
        pointers.read("iris")


def test_a_pointer_under_the_wrong_name_is_refused(pointers, tmp_path):
    file = tmp_path / "staging" / "iris.json"

    for name in ("churn", "iris-bbbbbbbb", "iris-aaaa"):
        file = file.rename(file.with_stem(name))
        with pytest.raises(ReleaseRefused, match=r"must be iris.json or iris-aaaaaaaa.json"):
            pointers.read(name)


def test_a_pointer_may_have_the_name_of_its_release(pointers, tmp_path):
    file = tmp_path / "staging" / "iris.json"
    (tmp_path / "staging" / "iris-aaaaaaaa.json").write_text(file.read_text())

    assert pointers.names() == ["iris", "iris-aaaaaaaa", "spam"]
    assert pointers.read("iris-aaaaaaaa") == pointers.read("iris")
