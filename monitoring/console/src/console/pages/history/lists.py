"""Pages with a list of one use case or of all."""

from typing import Any

from starlette.responses import Response

from console.web.visit import Visit

PAGE_SIZE = 20


async def list_page(
    visit: Visit,
    template: str,
    title: str,
    pages: Any,
    use_case: str,
    cursor: str | None,
    **values: Any,
) -> Response:
    """Show one of `pages`, an asynchronous listing of `use_case` ("" is all), with a choice of the
    use case.
    """
    name = template.removesuffix(".html")
    known = await visit.read(f"{name} {use_case} {cursor}", lambda: pages.page(cursor))
    return await visit.page(
        template,
        title,
        use_case=use_case,
        known=known,
        chosen=use_case,
        cursor=cursor,
        names=[one.name for one in await visit.use_cases()],
        **values,
    )
