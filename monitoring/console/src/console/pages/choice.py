"""The default use case of a page whose URL names none."""

import asyncio

from console.pages.platform import read_traffic
from console.web.errors import PageNotFound
from console.web.visit import Visit

DRILL = "drill"
"""The use case of `mlplatform drill`; its records are synthetic."""


async def chosen_use_case(visit: Visit) -> str:
    """Return the use case of the query. By default it is the first one with traffic in the last
    hour, else the first that serves, else the first one; `DRILL` comes last.

    Raises:
        PageNotFound: there is no such use case, or none is known.
    """
    names = [one.name for one in await visit.use_cases()]
    given = visit.request.query_params.get("use_case", "")
    if given:
        if names and given not in names:
            raise PageNotFound(f"There is no use case {given!r:.80}.")
        return given
    if not names:
        raise PageNotFound("No use case is known: the gateway does not answer.")
    states, traffic = await asyncio.gather(
        visit.read("states", visit.api.releases.states),
        read_traffic(visit),
    )

    def place(name: str) -> tuple[bool, bool, bool]:
        answers = any(one.answers for one in (traffic.value or {}).get(name, {}).values())
        serves = any(one.state.stable for one in (states.value or {}).get(name, {}).values())
        return name == DRILL, not answers, not serves

    return min(names, key=place)
