"""The form with which a visitor logs in."""

from inspector.report.markup import Markup, element, join
from inspector.web.layout import Visitor, button, field, form


def login_part(visitor: Visitor, *, needs_user: bool, next_path: str, problem: str) -> Markup:
    """The form of the login page. problem: why the last try failed."""
    user = None
    if needs_user:
        user = field("User", "user", required="", autocomplete="username", maxlength="80")
    return join(
        element("p", problem, role="alert", class_="problem"),
        form(
            "/login",
            visitor,
            element("input", type="hidden", name="next", value=next_path),
            user,
            field(
                "Password" if needs_user else "Token",
                "secret",
                type="password",
                required="",
                maxlength="400",
                autocomplete="current-password",
            ),
            button("Log in"),
            class_="login",
        ),
    )
