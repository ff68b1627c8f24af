"""Production of iris serves a release; tests begin canaries and shadows next to it."""

from datetime import timedelta

import pytest
from trial_world import STABLE, World

from platform_core.contracts.serving_state import ServingState


@pytest.fixture
def world() -> World:
    """A world in which production serves the stable release."""
    world = World()
    world.serve(ServingState(stable=STABLE))
    world.clock.advance(timedelta(minutes=1))
    return world
