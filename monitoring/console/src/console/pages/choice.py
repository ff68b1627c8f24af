"""Which use case a page is about whose address names none."""

from console.web.errors import PageNotFound
from console.web.visit import Visit


async def chosen_use_case(visit: Visit) -> str:
    """Return the use case of the query, else the first that serves, else the first one.

    Raises:
        PageNotFound: there is no such use case, or none is known.
    """
    names = [one.name for one in await visit.use_cases()]
    given = visit.request.query_params.get("use_case", "")
    if given:
        if names and given not in names:
            raise PageNotFound(f"There is no use case {given!r:.80}.")
        return given
    states = (await visit.read("states", visit.api.releases.states)).value or {}
    serving = [
        name for name in names if any(one.state.stable for one in states.get(name, {}).values())
    ]
    found = next(iter([*serving, *names]), None)
    if found is None:
        raise PageNotFound("No use case is known: the gateway does not answer.")
    return found
