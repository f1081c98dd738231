"""Tests the web view in Chromium: every page on a wide and a narrow screen, with the keyboard, and
without JavaScript."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desk import line_state, source_state
from desk_browser import PHONE, WIDE, Desk, Page, go, open_page, serve
from waiting import wait_for

from inspector.store.alarms import acknowledge_alarm, find_alarms, raise_alarm
from inspector.store.audit import add_change
from inspector.store.feedback import find_feedback

pytestmark = pytest.mark.browser

PATHS = (
    *("/", "/history", "/history?verdict=FAIL", "/frame/r1/main/7", "/frame/r1/main/50"),
    *(
        "/thresholds",
        "/thresholds?image_threshold=1.0&pixel_threshold=2.5",
        "/teaching",
        "/runs",
        "/changes",
    ),
    "/nothing",
)
UNLABELLED = """() => [...document.querySelectorAll("input, select, button, a, img")]
    .filter(e => e.type !== "hidden")
    .filter(e => !(e.labels?.length || e.textContent.trim() || e.hasAttribute("alt")
        || e.querySelector("img")?.alt))
    .map(e => e.outerHTML)"""
SMALL = """() => [...document.querySelectorAll("button, input, select")]
    .filter(e => e.type !== "hidden" && e.getBoundingClientRect().height < 38)
    .map(e => e.outerHTML)"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """For tests that change nothing."""
    with serve(tmp_path_factory.mktemp("desk")) as desk:
        desk.line.current = line_state(
            sources=(source_state("main", condition="The picture is too dark."), source_state("b"))
        )
        raise_alarm(desk.store, kind="disk", text="The disk is nearly full.", locks_release=True)
        add_change(desk.store, who="anna", what="recipe", old="can", new="bottle", why="order 7")
        yield desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with serve(tmp_path) as desk:
        yield desk


def wait_for_picture(page: Page) -> None:
    """The policy of the page forbids the function of Playwright that waits for an expression."""
    for _ in range(500):
        if page.evaluate("document.querySelector('img.live').naturalWidth > 0"):
            return
        page.wait_for_timeout(20)
    pytest.fail("there is no live picture")


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("path", PATHS)
def test_every_page_fits_its_screen_and_has_names(
    browser: Any, shared: Desk, path: str, viewport: dict[str, int]
) -> None:
    with open_page(browser, viewport=viewport) as page:
        assert go(page, shared, path) == (404 if path == "/nothing" else 200)
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        assert page.locator("h1").count() == 1
        assert page.evaluate(UNLABELLED) == []
        assert page.evaluate(SMALL) == []
        assert page.evaluate("document.documentElement.lang") == "en"


def test_the_live_picture_and_the_figures_change_by_themselves(browser: Any, desk: Desk) -> None:
    with open_page(browser) as page:
        go(page, desk, "/")
        picture = page.locator("img.live")
        wait_for_picture(page)
        before = picture.screenshot()
        desk.line.show(9)
        desk.line.current = line_state(sources=(source_state(captured=4711, last_verdict="FAIL"),))
        page.locator("[data-figure=equation]", has_text="captured 4711").wait_for()
        assert page.locator("[data-figure=verdict]").get_attribute("class") == "badge verdict fail"
        for _ in range(100):
            if picture.screenshot() != before:
                break
        else:
            pytest.fail("the picture does not change")


def test_an_alarm_appears_and_is_acknowledged_by_keyboard(browser: Any, desk: Desk) -> None:
    with open_page(browser) as page:
        go(page, desk, "/")
        page.locator("[data-figure=equation]").wait_for()
        number = raise_alarm(desk.store, kind="check", text="Part A7 was missed.", source="main")
        alarm = page.get_by_role("alert").filter(has_text="Part A7 was missed.")
        alarm.wait_for()
        alarm.get_by_label("Your name").focus()
        page.keyboard.type("Anna")
        page.keyboard.press("Tab")
        page.keyboard.type("part was dirty")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_role("status").filter(has_text="It is done.").wait_for()
        (request,) = desk.requests
        assert (request.kind, request.arguments) == ("acknowledge", {"alarm": number})
        assert (request.who, request.why) == ("Anna", "part was dirty")
        acknowledge_alarm(desk.store, number, who=request.who)
        page.locator("#alarms li").wait_for(state="detached")
        assert find_alarms(desk.store) == []
        assert page.get_by_label("Your name").first.input_value() == "Anna"


def test_what_a_visitor_types_is_not_lost_when_the_page_changes(browser: Any, desk: Desk) -> None:
    with open_page(browser) as page:
        go(page, desk, "/")
        reason = page.locator("#product").get_by_label("Reason")
        reason.fill("order 7, not yet fin")
        raise_alarm(desk.store, kind="disk", text="The disk is nearly full.")
        page.get_by_text("The disk is nearly full.").wait_for()
        assert reason.input_value() == "order 7, not yet fin"


def test_the_product_changes_with_the_keyboard_only(browser: Any, desk: Desk) -> None:
    with open_page(browser) as page:
        go(page, desk, "/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.name") == "name":
                break
        page.keyboard.type("can")
        for text in ("Anna", "order 7"):
            page.keyboard.press("Tab")
            page.keyboard.type(text)
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.get_by_role("status").filter(has_text="It is done.").wait_for()
        (request,) = desk.requests
        assert (request.kind, request.arguments) == ("recipe", {"name": "can"})


def test_stop_is_asked_for_and_start_is_offered(browser: Any, desk: Desk) -> None:
    with open_page(browser, viewport=PHONE) as page:
        go(page, desk, "/")
        stop = page.locator("form", has=page.get_by_role("button", name="Stop the inspection"))
        stop.get_by_label("Your name").fill("Anna")
        stop.get_by_role("button").click()
        assert desk.requests == []  # the browser asks for a reason first
        stop.get_by_label("Reason").fill("lunch")
        desk.line.current = line_state(state="stopped")
        stop.get_by_role("button").click()
        page.get_by_role("button", name="Start the inspection").wait_for()
        assert [request.kind for request in desk.requests] == ["stop"]


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_threshold_is_tried_before_it_is_saved(
    browser: Any, desk: Desk, viewport: dict[str, int]
) -> None:
    with open_page(browser, viewport=viewport) as page:
        go(page, desk, "/thresholds")
        assert page.get_by_role("button", name="Save").count() == 0
        page.get_by_label("New image threshold").fill("1.0")
        page.get_by_role("button", name="Show what would change").click()
        page.get_by_text("18 would turn from PASS to FAIL").wait_for()
        assert desk.requests == []
        page.get_by_role("link", name="frame 119").click()
        page.get_by_role("heading", name="Frame 119 of main").wait_for()
        page.go_back()
        page.get_by_label("Your name").fill("Anna")
        page.get_by_label("Reason").fill("more scratches")
        page.get_by_role("button", name="Save").click()
        page.get_by_role("status").filter(has_text="It is done.").wait_for()
        (request,) = desk.requests
        assert request.arguments == {
            "source": "main",
            "image_threshold": 1.0,
            "expected": {"recipe": "bottle", "image_threshold": 1.5, "pixel_threshold": 2.0},
        }
        page.wait_for_url(f"{desk.address}/thresholds?source=main")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_feedback_goes_from_the_history_to_the_store(
    browser: Any, desk: Desk, *, scripts: bool
) -> None:
    with open_page(browser, java_script_enabled=scripts) as page:
        go(page, desk, "/history")
        page.get_by_label("Verdict").select_option("FAIL")
        page.get_by_label("Part").fill("p17")
        page.get_by_role("button", name="Show").click()
        page.get_by_role("link", name="17", exact=True).click()
        page.get_by_label("Your name").fill("Anna")
        page.get_by_label("Note").fill("only dust")
        page.get_by_role("button", name="This was fine").click()
        page.get_by_text("Anna").wait_for()
        (entry,) = find_feedback(desk.store)
        assert (entry.frame_id, entry.answer, entry.note) == (17, "fine", "only dust")
        page.get_by_role("button", name="Withdraw the answer").wait_for()


def test_a_login_is_needed_and_ends(browser: Any, tmp_path: Path) -> None:
    with serve(tmp_path, token="a-secret-token") as desk, open_page(browser) as page:
        go(page, desk, "/history")
        page.get_by_label("Token").fill("wrong-token")
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("alert").filter(has_text="This is not right.").wait_for()
        page.get_by_label("Token").fill("a-secret-token")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="History").wait_for()
        assert "a-secret-token" not in page.url
        assert page.evaluate("document.cookie") == ""
        page.get_by_role("button", name="Log out").click()
        page.get_by_role("heading", name="Log in").wait_for()
        go(page, desk, "/")
        assert page.get_by_role("heading", name="Log in").count() == 1


def test_a_page_of_another_site_changes_nothing(browser: Any, desk: Desk) -> None:
    form = (
        f"<form method=post action={desk.address}/api/requests>"
        "<input name=kind value=stop><input name=who value=x></form>"
    )
    with open_page(browser) as page:
        page.set_content(f"{form}<script>document.forms[0].submit()</script>")
        page.wait_for_url(f"{desk.address}/api/requests")
        assert "Changes are only accepted from pages of this view." in page.content()
    assert desk.requests == []


def test_a_lost_connection_is_said(browser: Any, tmp_path: Path) -> None:
    with open_page(browser) as page:
        with serve(tmp_path) as desk:
            go(page, desk, "/")
            page.locator("[data-figure=equation]").wait_for()
        page.get_by_role("alert").filter(has_text="No connection to the line").wait_for()


def test_a_page_that_is_left_ends_its_live_picture(browser: Any, desk: Desk) -> None:
    with open_page(browser) as page:
        go(page, desk, "/")
        wait_for_picture(page)
        assert desk.line.watched == ["main"]
        page.goto("about:blank")
        wait_for(lambda: desk.line.watched == [])
