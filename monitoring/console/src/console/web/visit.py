"""One request of a browser that has signed in: what it may read, and the page that answers it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import httpx
from fastapi import Depends, Request
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse

from console.gateway.value_cache import CachedValue
from console.navigation import Live, environment_switch, navigation
from console.services import Console
from console.web.errors import PageNotFound, RoleTooLow, SignedOut
from console.web.forms import checked_form
from console.web.sessions import Session
from mlplatform_client import AsyncClient
from mlplatform_client.errors import (
    APIConnectionError,
    AuthenticationError,
    InvalidResponseError,
    RateLimitError,
    ServerError,
)
from mlplatform_client.models.history import UseCaseDocument
from platform_core.contracts.environments import Environment

T = TypeVar("T")
UNAVAILABLE = (APIConnectionError, InvalidResponseError, RateLimitError, ServerError)
USE_CASES_AGE = timedelta(seconds=30)


@dataclass(frozen=True)
class Outage:
    """A source that cannot be read, since when, and why."""

    text: str
    since: datetime
    detail: str


@dataclass
class Visit:
    """The request, its session, and a client with the session's API key."""

    request: Request
    console: Console
    session: Session
    now: datetime
    api: AsyncClient
    outages: dict[str, Outage] = field(default_factory=dict)
    _unreachable: APIConnectionError | None = None

    async def read(
        self,
        name: str,
        call: Callable[[], Awaitable[T]],
        max_age: timedelta = timedelta(0),
        *,
        keep: bool = True,
    ) -> CachedValue[T]:
        """Return what `call` reads, or the last known value of `name` while it cannot be read.

        A value that is younger than `max_age` is not read again. With `keep=False` the value is
        not remembered: one of many, like a page of the past. Errors that are an answer (403,
        404, 409, 422) are raised; the page decides. After the gateway did not answer once, a page
        does not wait for it again.

        Raises:
            SignedOut: the API key is not known any more.
        """
        owner = self.session.owner
        before: CachedValue[T] | None = self.console.known.get(owner, name)
        if before and before.current and before.at and self.now - before.at < max_age:
            return before
        try:
            known = CachedValue(await self._called(call), self.console.clock.now())
        except AuthenticationError as error:
            self.console.known.forget(owner)
            raise SignedOut from error
        except UNAVAILABLE as error:
            since = before.since if before and before.since else self.now
            known = replace(before or CachedValue(None, None), problem=str(error), since=since)
            self._note(error, since)
        if keep:
            self.console.known.keep(owner, name, known)
        return known

    async def _called(self, call: Callable[[], Awaitable[T]]) -> T:
        if self._unreachable is not None:
            raise self._unreachable
        try:
            return await call()
        except APIConnectionError as error:
            self._unreachable = error
            raise

    async def json(self, path: str) -> httpx.Response:
        """Return the gateway's response to a path with the query of this request, unread.

        Raises:
            APIConnectionError: there is none.
        """
        settings = self.console.settings
        try:
            return await self.console.http.get(
                f"{settings.gateway_url.rstrip('/')}/{quote(path)}",
                params=str(self.request.query_params),
                headers={"X-API-Key": self.session.key},
                timeout=settings.console_timeout_seconds,
            )
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise APIConnectionError(f"the gateway did not answer: {reason}") from error

    async def use_cases(self) -> list[UseCaseDocument]:
        """Return the installed use cases, which are read every half a minute."""
        known = await self.read("use-cases", self.api.use_cases.list, USE_CASES_AGE)
        return known.value or []

    async def title(self, use_case: str) -> str:
        """Return the title of a use case, its name while that is unknown."""
        titles = {one.name: one.title for one in await self.use_cases()}
        return titles.get(use_case, use_case)

    async def page(
        self,
        template: str,
        title: str,
        *,
        use_case: str = "",
        status: int = HTTPStatus.OK,
        live: bool | int = False,
        **values: Any,
    ) -> HTMLResponse:
        """Return a page. `live` says that it has parts that refresh themselves; a number, how often
        they do, in seconds.
        """
        cases = await self.use_cases()
        content = self.console.templates.render(
            template,
            title=title,
            session=self.session,
            now=self.console.clock.now(),
            navigation=navigation(self.request, cases, use_case),
            outages=[*self.outages.values()],
            links=self.console.settings.links,
            live=Live.of(self.request, live) if live else None,
            **values,
        )
        return HTMLResponse(content, status)

    async def check(self, use_case: str, environment: str = "") -> None:
        """Check that a use case and an environment exist, if that is known; `PageNotFound`."""
        cases = [one.name for one in await self.use_cases()]
        if cases and use_case not in cases:
            raise PageNotFound(f"There is no use case {use_case!r:.80}.")
        if environment and environment not in set(Environment):
            raise PageNotFound(f"There is no environment {environment!r:.80}.")

    async def use_case_page(
        self,
        template: str,
        title: str,
        use_case: str,
        *,
        environment: str = "",
        status: int = HTTPStatus.OK,
        live: bool | int = False,
        **values: Any,
    ) -> HTMLResponse:
        """Return a page about one use case, whose template extends `use_case.html`.

        With `environment` it has links to the same page for the other one.

        Raises:
            PageNotFound: there is no such use case, or no such environment.
        """
        cases = {one.name: one for one in await self.use_cases()}
        await self.check(use_case, environment)
        return await self.page(
            template,
            title,
            use_case=use_case,
            status=status,
            live=live,
            name=use_case,
            case=cases.get(use_case),
            environment=environment,
            environments=environment_switch(self.request, environment) if environment else [],
            **values,
        )

    async def form(self, role: str) -> FormData:
        """Return the fields of the form that was sent, which needs this role.

        Raises:
            ForeignForm: it is not a form of this session.
            RoleTooLow: the API key may not do it.
        """
        form = await checked_form(self.request, self.session)
        self.needs(role)
        return form

    def needs(self, role: str) -> None:
        """Check the role of the API key; `RoleTooLow` if it is lower than this one."""
        if not self.session.may(role):
            raise RoleTooLow(role)

    def query(self, **given: str) -> Mapping[str, str]:
        """Return the parameters of the URL, with those of `given`."""
        return {**self.request.query_params, **given}

    def _note(self, error: Exception, since: datetime) -> None:
        unreachable = isinstance(error, APIConnectionError)
        text = (
            "The gateway does not answer"
            if unreachable
            else "The gateway cannot read some of its data"
        )
        known = self.outages.get(text)
        if known is None or since < known.since:
            self.outages[text] = Outage(text, since, str(error))


async def _visit(request: Request) -> Visit:
    console: Console = request.app.state.console
    session = console.cookies.read(request)
    if not session.signed_in:
        raise SignedOut
    return Visit(request, console, session, console.clock.now(), console.client(session.key))


SignedIn = Annotated[Visit, Depends(_visit)]
"""The parameter of every page that needs a session: `async def overview(visit: SignedIn)`."""
