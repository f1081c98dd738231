"""Connects the addresses of the web view with its pages."""

from collections.abc import Callable
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from inspector.core.errors import ConfigError, EngineError, SinkError
from inspector.report.markup import CSS, Markup, element
from inspector.service.line_state import LineView
from inspector.store.database import Store
from inspector.store.requests import Answer, find_answer
from inspector.triggers.gate import Outcome
from inspector.triggers.message import read_fields as read_trigger
from inspector.web.access import Access
from inspector.web.changes import LockedError, give_feedback, read_request, send_request
from inspector.web.entrance import (
    COOKIE,
    Entrance,
    client_address,
    read_fields,
    refuse_early,
    set_session,
    visitor_of,
)
from inspector.web.feeds import BOUNDARY, LiveFeeds
from inspector.web.fields import FieldError, local_path, text_field, whole_field
from inspector.web.guard import Guard
from inspector.web.layout import LOCKED_NOTE, page
from inspector.web.login_page import login_part
from inspector.web.options import WebViewOptions
from inspector.web.views import Views

T = TypeVar("T")

READERS: Final = 4
"""Threads that read the store for pages."""

WAITERS: Final = 4
"""Threads that wait for answers of the line."""

TRIGGER_STATUS: Final = {
    Outcome.ACCEPTED: HTTPStatus.OK,
    Outcome.REPEATED: HTTPStatus.OK,
    Outcome.REFUSED: HTTPStatus.BAD_REQUEST,
    Outcome.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
    Outcome.NOT_TAKEN: HTTPStatus.CONFLICT,
}

STATIC: Final = Path(__file__).with_name("static")

TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def make_app(options: WebViewOptions, store: Store, line: LineView) -> tuple[Starlette, LiveFeeds]:
    """options: with their secrets inserted (read_secrets). Returns the application, and its live
    pictures, which the caller closes."""
    desk = Desk(options, store, line)
    routes = [
        Route("/live/{source}", desk.live),
        Route("/static/{name}", desk.static),
        Route("/login", desk.login_page),
        Route("/login", desk.log_in, methods=["POST"]),
        Route("/logout", desk.log_out, methods=["POST"]),
        Route("/api/session", desk.session),
        Route("/api/requests", desk.request, methods=["POST"]),
        Route("/api/feedback", desk.feedback, methods=["POST"]),
        Route("/api/trigger", desk.trigger, methods=["POST"]),
        *(Route(path, desk.reader(view)) for path, view in desk.views.addresses().items()),
    ]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(Guard, hosts=options.hosts),
            Middleware(Entrance, access=desk.access),
        ],
        exception_handlers={
            FieldError: _refuse(HTTPStatus.BAD_REQUEST),
            ConfigError: _refuse(HTTPStatus.CONFLICT),
            SinkError: _refuse(HTTPStatus.SERVICE_UNAVAILABLE),
            EngineError: _refuse(HTTPStatus.SERVICE_UNAVAILABLE),
            LockedError: _refuse(HTTPStatus.FORBIDDEN, LOCKED_NOTE),
            HTTPException: _refuse_http,
        },
    )
    return app, desk.feeds


def _refuse(status: int, sentence: str | None = None) -> Callable[[Request, Exception], Any]:
    async def handle(request: Request, exc: Exception) -> Response:
        return _problem(request, status, sentence or str(exc))

    return handle


async def _refuse_http(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    return _problem(request, exc.status_code, f"{exc.detail}.")


def _problem(request: Request, status: int, sentence: str) -> Response:
    """The sentence as JSON for programs, as a page for people."""
    is_program = "text/html" not in request.headers.get("accept", "")
    if request.url.path.startswith("/api/") and is_program:
        return JSONResponse({"error": sentence}, status)
    back = element("p", element("a", "To the live page", href="/"))
    text = element("p", sentence, role="alert", class_="problem")
    return HTMLResponse(page("This did not work", "", None, text, back, script=False), status)


class Desk:
    """Answers requests. It reads the store on few threads, so that the event loop never waits."""

    def __init__(self, options: WebViewOptions, store: Store, line: LineView) -> None:
        self._store = store
        self._line = line
        self.access = Access(options)
        self.feeds = LiveFeeds(line, options)
        self.views = Views(store, line)
        self._readers = CapacityLimiter(READERS)
        self._waiters = CapacityLimiter(WAITERS)
        self._triggers = CapacityLimiter(1)  # one after the other, in their order

    def reader(self, view: Callable[..., Response]) -> Callable[[Request], Any]:
        """A handler that calls the view on a thread, with the notice about the last request."""

        async def handle(request: Request) -> Response:
            visitor = visitor_of(request, self.access)
            return await self._read(lambda: view(request, visitor, self._notice(request)))

        return handle

    async def _read(self, work: Callable[[], T]) -> T:
        return await to_thread.run_sync(work, limiter=self._readers)

    def _notice(self, request: Request) -> Markup | None:
        """The answer to the request that the address names."""
        number = whole_field(request.query_params, "request")
        if number is None:
            return None
        answer = find_answer(self._store, number)
        text = "The line is still at work." if answer is None else answer.text
        class_ = "findings" if answer is not None and answer.done else "warn"
        return element("p", text, role="status", class_=class_, id="notice")

    async def live(self, request: Request) -> Response:
        source = request.path_params["source"]
        state = await self._read(self._line.state)
        if source not in [entry.name for entry in state.sources]:
            raise HTTPException(404)
        if self.feeds.is_full:
            raise HTTPException(503, "Too many people watch live pictures (web.max_viewers)")
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        if request.method == "HEAD":
            return Response(media_type=kind)
        return StreamingResponse(self.feeds.watch(source), media_type=kind)

    async def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _static_files():
            raise HTTPException(404)
        headers = {"cache-control": "no-cache"}
        return Response(_static_files()[name], media_type=TYPES[Path(name).suffix], headers=headers)

    async def login_page(self, request: Request) -> Response:
        if not self.access.needs_login:
            return RedirectResponse("/", HTTPStatus.SEE_OTHER)
        return self._login_page(request, local_path(request.query_params.get("next", "/")))

    def _login_page(self, request: Request, next_path: str, problem: str = "") -> Response:
        part = login_part(
            visitor_of(request, self.access),
            needs_user=self.access.needs_user,
            next_path=next_path,
            problem=problem,
        )
        status = HTTPStatus.UNAUTHORIZED if problem else HTTPStatus.OK
        return HTMLResponse(page("Log in", "", None, part, script=False), status)

    async def log_in(self, request: Request) -> Response:
        client = client_address(request.scope)
        if (refusal := refuse_early(self.access, client)) is not None:
            return self._show_pause(request, refusal) if _is_form(request) else refusal
        fields = await read_fields(request, self.access)
        next_path = local_path(text_field(fields, "next"))
        secret = str(fields.get("secret", ""))
        session = self.access.log_in(text_field(fields, "user"), secret, client)
        if session is None:
            return self._login_page(request, next_path, "This is not right.")
        response = RedirectResponse(next_path, HTTPStatus.SEE_OTHER)
        set_session(response, session, secure=request.url.scheme == "https")
        return response

    def _show_pause(self, request: Request, refusal: Response) -> Response:
        seconds = refusal.headers["retry-after"]
        problem = f"Too many failed logins. Try again in {seconds} s."
        shown = self._login_page(request, "/", problem)
        shown.status_code = refusal.status_code
        shown.headers["retry-after"] = seconds
        return shown

    async def log_out(self, request: Request) -> Response:
        await read_fields(request, self.access)
        self.access.log_out(request.state.session)
        response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        response.delete_cookie(COOKIE)
        return response

    async def session(self, request: Request) -> Response:
        return JSONResponse({"form_key": self.access.form_key(request.state.session)})

    async def request(self, request: Request) -> Response:
        fields = await read_fields(request, self.access)
        change = await self._read(partial(read_request, fields, self._line))
        number, answer = await to_thread.run_sync(
            partial(send_request, self._store, change), limiter=self._waiters
        )
        if _is_form(request):
            back = local_path(text_field(fields, "back"))
            joiner = "&" if "?" in back else "?"
            return RedirectResponse(f"{back}{joiner}request={number}", HTTPStatus.SEE_OTHER)
        return JSONResponse(
            {"request": number, "done": answer.done, "state": answer.state, "text": answer.text},
            _status_of(answer),
        )

    async def feedback(self, request: Request) -> Response:
        fields = await read_fields(request, self.access)
        await self._read(partial(give_feedback, self._store, fields, self._line))
        if _is_form(request):
            back = local_path(text_field(fields, "back"))
            return RedirectResponse(f"{back}#feedback", HTTPStatus.SEE_OTHER)
        return JSONResponse({"done": True})

    async def trigger(self, request: Request) -> Response:
        fields = await read_fields(request, self.access)
        try:
            message = read_trigger(fields)
        except ValueError as exc:
            raise FieldError(f"{exc}.") from exc
        who = f"http:{client_address(request.scope)}"
        # A camera with a software trigger may need a moment.
        answer = await to_thread.run_sync(
            partial(self._line.receive_trigger, message, who), limiter=self._triggers
        )
        values = {"outcome": answer.outcome, "text": answer.text}
        return JSONResponse(values, TRIGGER_STATUS[answer.outcome])


def _is_form(request: Request) -> bool:
    return not request.headers.get("content-type", "").startswith("application/json")


def _status_of(answer: Answer) -> int:
    if answer.done:
        return HTTPStatus.OK
    return HTTPStatus.ACCEPTED if answer.state == "taken" else HTTPStatus.CONFLICT


@cache
def _static_files() -> dict[str, bytes]:
    files = {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix in TYPES}
    files["desk.css"] = CSS.encode() + files["desk.css"]
    return files
