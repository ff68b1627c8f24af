import asyncio
import threading

import pytest
from kserve import Model

from model_server import ReleasePointers, ReleaseRepository
from platform_core.contracts.environments import Environment
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

    def __call__(self, pointer):
        self.started.set()
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
    return ReleaseRepository(ReleasePointers(home.folder / "models", Environment.STAGING), loader)


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
    pointers = ReleasePointers(home.folder / "models", Environment.STAGING)
    repository = ReleaseRepository(pointers, loader, backend)
    await repository.load("iris")
    home.point("iris", "two")
    backend.error = ReleaseRefused("not here")

    with pytest.raises(ReleaseRefused, match="not here"):
        await repository.load("iris")

    assert repository.get_model("iris").release_id == "one"
    await repository.withdraw("iris")
    assert backend.calls == [("load", "iris"), ("load", "iris"), ("unload", "iris")]
