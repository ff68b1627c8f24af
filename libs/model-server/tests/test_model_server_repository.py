import asyncio
import threading

import pytest
from kserve import Model

from model_server import ReleasePointers, ReleaseRepository
from platform_core.errors import ModelNotReady, NotFound, ReleaseRefused


class Loaded(Model):
    def __init__(self, pointer):
        super().__init__(pointer.use_case)
        self.release_id = pointer.release_id
        self.ready = True


class Loader:
    """Loads what is not named `refused…`; waits where it is told to."""

    def __init__(self):
        self.go = threading.Event()
        self.go.set()
        self.started = threading.Event()
        self.loads = []

    def __call__(self, pointer):
        self.started.set()
        self.loads.append(pointer.release_id)
        assert self.go.wait(10)
        if pointer.release_id == "refused":
            raise ReleaseRefused("it does not fit")
        if pointer.release_id == "defect":
            raise ZeroDivisionError
        return Loaded(pointer)


@pytest.fixture
def loader():
    return Loader()


@pytest.fixture
def repository(home, loader):
    home.point("iris", "one")
    return ReleaseRepository(ReleasePointers(home.pointers), loader)


@pytest.mark.parametrize("release_id", ["refused", "defect"])
def test_at_start_one_bad_release_leaves_the_others(home, repository, release_id):
    home.point("bad", release_id)

    repository.load_models()

    assert repository.get_model("iris").release_id == "one"
    with pytest.raises(ModelNotReady, match="bad is not served"):
        repository.get_model("bad")
    assert repository.get_model("unknown") is None
    home.pointer("bad").unlink()


@pytest.mark.parametrize(
    ("release_id", "error"), [("refused", ReleaseRefused), ("defect", ZeroDivisionError)]
)
async def test_a_load_that_fails_leaves_the_old_one(home, repository, release_id, error):
    await repository.load("iris")
    home.point("iris", release_id)

    with pytest.raises(error):
        await repository.load("iris")

    assert repository.get_model("iris").release_id == "one"


async def test_the_old_one_answers_while_the_new_one_loads(home, repository, loader):
    await repository.load("iris")
    home.point("iris", "two")
    loader.go.clear()
    loader.started.clear()

    loading = asyncio.create_task(repository.load("iris"))
    await asyncio.to_thread(loader.started.wait, 10)
    assert repository.get_model("iris").release_id == "one"
    loader.go.set()
    await loading

    assert repository.get_model("iris").release_id == "two"


async def test_of_loads_that_overlap_the_last_pointer_wins(home, repository, loader):
    loader.go.clear()
    loads = [asyncio.create_task(repository.load("iris"))]
    await asyncio.to_thread(loader.started.wait, 10)
    home.point("iris", "two")
    loads.append(asyncio.create_task(repository.load("iris")))
    loader.go.set()
    await asyncio.gather(*loads)

    assert repository.get_model("iris").release_id == "two"


async def test_a_refusal_is_forgotten_when_the_model_is_withdrawn(home, repository):
    home.point("bad", "refused")
    repository.load_models()

    await repository.withdraw("bad")

    assert repository.get_model("bad") is None
    with pytest.raises(NotFound, match="nothing is served under the name 'bad'"):
        await repository.withdraw("bad")
    home.pointer("bad").unlink()


A, B = "a" * 32, "b" * 32


@pytest.fixture
async def both(home, loader):
    """A repository with release A as stable and under its own name."""
    for file in home.pointers.glob("*"):
        file.unlink()
    home.point("iris", A)
    home.pin("iris", A)
    repository = ReleaseRepository(ReleasePointers(home.pointers), loader)
    repository.load_models()
    return repository


async def test_a_release_with_two_pointers_is_loaded_once(both, loader):
    await both.load("iris")
    await both.load("iris-aaaaaaaa")

    assert loader.loads == [A]
    assert both.get_model("iris") is both.get_model("iris-aaaaaaaa")


async def test_the_stable_release_moves_to_one_that_is_loaded(home, both, loader):
    home.pin("iris", B)
    await both.load("iris-bbbbbbbb")
    assert both.get_model("iris").release_id == A
    home.point("iris", B)
    await both.load("iris")

    assert loader.loads == [A, B]
    assert both.get_model("iris") is both.get_model("iris-bbbbbbbb")
    assert both.get_model("iris-aaaaaaaa").release_id == A  # warm


async def test_the_stable_release_has_its_own_name_without_a_pointer_of_that_name(home, both):
    home.point("iris", B)
    await both.load("iris")
    assert both.get_model("iris-bbbbbbbb") is both.get_model("iris")
    home.point("iris", A)
    await both.load("iris")

    assert both.get_model("iris-bbbbbbbb") is None


async def test_unload_drops_what_no_pointer_needs(home, both):
    await both.withdraw("iris-aaaaaaaa")
    assert both.get_model("iris-aaaaaaaa") is both.get_model("iris")  # the stable one needs it
    await both.withdraw("iris-aaaaaaaa")  # again: nothing changes
    await both.withdraw("iris")

    assert both.models == {}
    assert both.empty


async def test_unload_of_the_stable_name_leaves_the_release_that_a_pointer_names(both):
    await both.withdraw("iris")

    assert both.get_model("iris") is None
    assert both.get_model("iris-aaaaaaaa").release_id == A


async def test_loads_of_one_release_at_the_same_time_load_it_once(home, both, loader):
    home.pin("iris", B)
    home.point("iris", B)

    await asyncio.gather(both.load("iris"), both.load("iris-bbbbbbbb"))

    assert loader.loads == [A, B]


async def test_a_refused_release_says_so_under_both_names(home, loader):
    home.point("bad", "refused")
    repository = ReleaseRepository(ReleasePointers(home.pointers), loader)
    repository.load_models()

    for name in ("bad", "bad-refused"):
        with pytest.raises(ModelNotReady, match="it does not fit"):
            repository.get_model(name)
    home.point("bad", A)
    await repository.load("bad")
    assert repository.get_model("bad-refused") is None
    assert repository.get_model("bad-aaaaaaaa") is repository.get_model("bad")
    home.pointer("bad").unlink()


async def test_a_server_that_is_emptied_says_so_once_and_loads_nothing_more(both):
    emptied = []
    both.close_when_empty(lambda: emptied.append(True))
    await both.withdraw("iris-aaaaaaaa")
    assert emptied == []
    await both.withdraw("iris")

    assert emptied == [True]
    with pytest.raises(ModelNotReady, match="the server is shutting down"):
        await both.load("iris")


class Backend:
    def __init__(self):
        self.calls = []
        self.error = None

    async def load(self, use_case):
        self.calls.append(("load", use_case))
        if self.error:
            raise self.error

    async def unload(self, use_case):
        self.calls.append(("unload", use_case))


async def test_the_backend_goes_first_and_may_refuse(home, loader):
    backend = Backend()
    home.point("iris", "one")
    pointers = ReleasePointers(home.pointers)
    repository = ReleaseRepository(pointers, loader, backend)
    await repository.load("iris")
    home.point("iris", "two")
    backend.error = ReleaseRefused("not here")

    with pytest.raises(ReleaseRefused, match="not here"):
        await repository.load("iris")

    assert repository.get_model("iris").release_id == "one"
    await repository.withdraw("iris")
    assert backend.calls == [("load", "iris"), ("load", "iris"), ("unload", "iris")]
