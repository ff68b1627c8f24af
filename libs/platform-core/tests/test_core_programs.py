import gc
import weakref
from collections.abc import Callable

import pytest

from platform_core.contracts.base import Contract
from platform_core.errors import (
    ConfigurationError,
    InvalidData,
    InvalidInput,
    PlatformError,
    UnknownUseCase,
)
from platform_core.programs import (
    collect_garbage_seldom,
    exit_code,
    freeze_startup_objects,
)


class Trials(Contract):
    trials: int


def failing(error: BaseException) -> Callable[[], int]:
    def command() -> int:
        raise error

    return command


@pytest.mark.parametrize(("result", "code"), [(None, 0), (0, 0), (1, 1)])
def test_a_command_that_ends_says_its_code_itself(result: int | None, code: int) -> None:
    assert exit_code(lambda: result) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidData("no file"), 1),
        (PlatformError("broken"), 1),
        (InvalidInput("not an id"), 2),
        (UnknownUseCase("no fraud"), 2),
        (ConfigurationError("no store"), 2),
    ],
)
def test_the_reason_of_a_failure_is_the_last_line(error, code: int, capsys) -> None:
    assert exit_code(failing(error)) == code
    assert capsys.readouterr().err.splitlines()[-1] == str(error)


def test_invalid_arguments_are_a_usage_error_and_are_named(capsys) -> None:
    assert exit_code(lambda: Trials(trials="many") and 0) == 2
    assert "trials: " in capsys.readouterr().err


def test_an_interrupted_program_says_so(capsys) -> None:
    assert exit_code(failing(KeyboardInterrupt())) == 1
    assert capsys.readouterr().err == "interrupted\n"


def test_a_defect_keeps_its_trace() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_code(lambda: 1 // 0)


class Node:
    """An object that refers to itself, or to another one."""

    def __init__(self) -> None:
        self.other = self


def test_only_objects_of_the_start_are_excluded_from_garbage_collection() -> None:
    early = Node()
    freeze_startup_objects()
    try:
        late = Node()
        frozen, collected = weakref.ref(early), weakref.ref(late)
        del early, late
        gc.collect()
        assert frozen() is not None
        assert collected() is None
    finally:
        gc.unfreeze()


def test_few_new_objects_cause_no_garbage_collection() -> None:
    before, collections = gc.get_threshold(), []
    gc.callbacks.append(lambda phase, _: collections.append(phase))
    try:
        collect_garbage_seldom()
        gc.collect()
        collections.clear()
        kept = [[] for _ in range(10_000)]
        assert not collections
        kept += [[] for _ in range(20_000)]
        assert collections
    finally:
        gc.set_threshold(*before)
        gc.callbacks.pop()
