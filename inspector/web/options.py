"""The options of the web view: the section `web` of the configuration."""

from dataclasses import dataclass, field, replace
from typing import Annotated

from inspector.core.errors import ConfigError
from inspector.core.loopback import is_loopback
from inspector.core.schema import Between
from inspector.core.secrets import insert_secrets


@dataclass(frozen=True, slots=True)
class WebViewOptions:
    """port: TCP port; None: no web view. host: address to listen on. hosts: names by which browsers
    open the page, beside addresses and the name of this machine.

    token: a secret that gives access. user, password: the same as a pair. All three may hold
    ${NAME} and ${file:PATH}. max_viewers: largest number of live pictures that are sent at the same
    time. rate_hz: largest number of pictures per s of each camera. picture_width: width of a live
    picture in px.
    """

    port: Annotated[int, Between(0, 65535)] | None = None
    host: str = "127.0.0.1"
    hosts: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    max_viewers: Annotated[int, Between(1, 64)] = 8
    rate_hz: Annotated[float, Between(0.1, 30)] = 5.0
    picture_width: Annotated[int, Between(160, 1920)] = 960


MIN_SECRET = 8
"""Smallest number of characters of a token or a password."""


def read_secrets(options: WebViewOptions) -> WebViewOptions:
    """Returns the options with the values of their secrets.

    Raises ConfigError if one cannot be read or is too short, for a user without a password and a
    password without a user, and if the view can be reached from other machines without a secret.
    """
    places = {"token": options.token, "user": options.user, "password": options.password}
    options = replace(options, **insert_secrets(places, "web"))
    if (options.user is None) != (options.password is None):
        raise ConfigError("web: user and password belong together; set both or neither")
    if options.token is not None and options.password is not None:
        raise ConfigError("web: set a token, or a user and a password, but not both")
    for name, secret in (("token", options.token), ("password", options.password)):
        if secret is not None and len(secret) < MIN_SECRET:
            raise ConfigError(f"web.{name} must have at least {MIN_SECRET} characters")
    if options.token is None and options.password is None and not is_loopback(options.host):
        raise ConfigError(
            f"web.host: {options.host} can be reached from other machines: set web.token, or "
            "web.user and web.password (${NAME} for an environment variable, ${file:PATH} for a "
            "file)"
        )
    return options
