"""Who may ask: this machine's browser, with the token of the address it was given.

A web page of somebody else can send requests to a server on this machine, by the address of the
machine or by a name that it lets point there. So the token must be known, the host must be ours,
and what a browser says of the page that asks (Origin) must be this page.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer: no other site learns the address, frames the page or reads a clip."""


@dataclass(frozen=True)
class Gate:
    """What a request must show.

    Attributes:
        port: Of the server.
        token: 43 characters that nobody can guess.
    """

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names of this server."""
        return tuple(f"{name}:{self.port}" for name in ("127.0.0.1", "localhost"))

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://{self.hosts[0]}/?token={self.token}"

    def refusal(self, headers: Mapping[str, str], token: str | None) -> str | None:
        """Return why a request is refused, or None.

        Args:
            headers: Of the request.
            token: That it brings, in the address or in X-Token.
        """
        if headers.get("host") not in self.hosts:
            return "this server answers on this machine only, by its own address"
        origin = headers.get("origin")
        if origin is not None and origin not in {f"http://{host}" for host in self.hosts}:
            return "another page asked for this; open the address that semivideo review printed"
        if token is None or not secrets.compare_digest(token.encode(), self.token.encode()):
            return (
                "the token is missing or of an earlier start; open the address that semivideo "
                "review printed"
            )
        return None
