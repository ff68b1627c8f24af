"""The overview: serving releases, drift and quality, and what needs attention."""

from fastapi import APIRouter
from starlette.responses import Response

from console.attention import attention
from console.pages.platform import ENVIRONMENTS, of_target, read_platform
from console.web.visit import SignedIn

router = APIRouter()


@router.get("/")
async def overview(visit: SignedIn) -> Response:
    """Show all use cases and environments."""
    platform = await read_platform(visit)
    cases = await visit.use_cases()
    names = list(platform.states.value or [one.name for one in cases])
    used = [name for name in names if _used(platform.states.value, name)]
    return await visit.page(
        "overview.html",
        "Overview",
        live=True,
        platform=platform,
        attention=attention(platform, visit.now),
        environments=[one.value for one in ENVIRONMENTS],
        used=used,
        unused=[name for name in names if name not in used],
        titles={one.name: one.title for one in cases},
        of_target=of_target,
    )


def _used(states: object, name: str) -> bool:
    """Return whether any environment serves the use case; where that is unknown it is shown."""
    if not isinstance(states, dict):
        return True
    return any(one.state.stable for one in states[name].values())
