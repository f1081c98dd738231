"""Lets a request in if its browser has logged in or its program sent the token."""

from http import HTTPStatus
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from inspector.web.access import SESSION_S, Access
from inspector.web.fields import MOST_CHARACTERS, FieldError, parse_form, parse_json
from inspector.web.layout import Visitor, address

COOKIE: Final = "desk_session"

OPEN_PATHS: Final = ("/login", "/static/")
"""Addresses that need no login."""


class Entrance:
    """Sets scope["state"]: session (id, or an empty text) and by_token."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        session = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        if not self._access.knows(session):
            session = ""
        address_of_client = client_address(scope)
        by_token, refusal = False, None
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.casefold() == "bearer":
            refusal = refuse_early(self._access, address_of_client)
            by_token = refusal is None and self._access.accepts_token(
                token.strip(), address_of_client
            )
        scope.setdefault("state", {}).update(session=session, by_token=by_token)
        is_open = scope["path"].startswith(OPEN_PATHS)
        if refusal is None and not (is_open or session or by_token) and self._access.needs_login:
            refusal = _ask_to_log_in(scope)
        await (refusal or self._app)(scope, receive, send)


def client_address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else "unknown"


def refuse_early(access: Access, client: str) -> Response | None:
    """An answer for a client that has to wait after failed logins."""
    remaining_s = access.pauses.remaining_s(client)
    if remaining_s <= 0:
        return None
    seconds = int(remaining_s) + 1
    sentence = f"Too many failed logins. Try again in {seconds} s."
    return JSONResponse({"error": sentence}, 429, {"retry-after": str(seconds)})


def _ask_to_log_in(scope: Scope) -> Response:
    path: str = scope["path"]
    if path.startswith("/api/") or scope["method"] == "POST":
        return JSONResponse({"error": "Log in first, or send the token."}, HTTPStatus.UNAUTHORIZED)
    query = scope["query_string"].decode("latin-1")
    next_path = f"{path}?{query}" if query else path
    return RedirectResponse(
        address("/login", next=next_path[:MOST_CHARACTERS]), HTTPStatus.SEE_OTHER
    )


def visitor_of(request: Request, access: Access) -> Visitor:
    session = request.state.session
    return Visitor(access.form_key(session), can_log_out=bool(session))


async def read_fields(request: Request, access: Access) -> dict[str, Any]:
    """The fields of a form or of a JSON object. Raises FieldError, also without the key that shows
    that a page of this view has sent them."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    body = await request.body()
    if kind == "application/json":
        fields: dict[str, Any] = parse_json(body)
        key = request.headers.get("x-form-key", "")
    else:
        fields = dict(parse_form(body))
        key = fields.pop("form_key", "")
    if not request.state.by_token and not access.accepts_form_key(request.state.session, key):
        raise FieldError("This page is too old. Load it again, and repeat the change.")
    return fields


def set_session(response: Response, session: str, *, secure: bool) -> None:
    response.set_cookie(
        COOKIE, session, max_age=int(SESSION_S), httponly=True, samesite="strict", secure=secure
    )
