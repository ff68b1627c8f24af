"""The composition root: from settings to a console."""

import httpx

from console.gateway.transport import GatewayTransport
from console.gateway.value_cache import ValueCache
from console.services import Console
from console.settings import ConsoleSettings
from console.web.sessions import SessionCookies
from console.web.static_files import StaticContent
from console.web.templates import Templates
from platform_core.clock import Clock, SystemClock


def build() -> Console:
    """Return the console with the settings of this process."""
    return assemble(ConsoleSettings(), SystemClock())


def assemble(settings: ConsoleSettings, clock: Clock) -> Console:
    """Return a console with the given clock."""
    static = StaticContent()
    return Console(
        settings=settings,
        cookies=SessionCookies(
            settings.session_secret(), settings.console_session_hours, settings.secure
        ),
        static=static,
        templates=Templates(static),
        known=ValueCache(),
        http=httpx.AsyncClient(transport=GatewayTransport(trust_env=False), trust_env=False),
        clock=clock,
    )
