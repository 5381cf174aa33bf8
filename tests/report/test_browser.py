"""The page in a real browser: no request, no error, no sideways scrolling, in four looks. Skips without a browser."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelinedoctor.report.html import HtmlRenderer
from pipelinedoctor.report.model import Report

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (it is in the extra `dev`)")
LOOKS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory, make_report: Callable[..., Report]) -> str:
    (file,) = HtmlRenderer().render(make_report(), tmp_path_factory.mktemp("browser"))
    return file.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    names = (os.environ.get("PIPELINEDOCTOR_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if name and (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium found; set PIPELINEDOCTOR_CHROMIUM to one")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def seen(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens the page in a look and collects what goes wrong in `page.faults`."""
    contexts = []

    def look(url: str, width: int = 1280, scheme: str = "light") -> tuple[Any, list[str]]:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page, faults = context.new_page(), []
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(url) else faults.append(request.url))
        page.goto(url)
        return page, faults

    yield look
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_the_page_fits_and_asks_for_nothing(width: int, scheme: str, seen: Callable[..., Any], page_file: str) -> None:
    page, faults = seen(page_file, width, scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(251, 251, 249)"
    assert light == (scheme == "light")
    wide = page.locator(".chart .wide").first.is_visible()
    assert wide == (width == 1280)
    assert faults == []


def test_the_first_finding_is_on_the_first_screen(seen: Callable[..., Any], page_file: str) -> None:
    page, _ = seen(page_file)
    box = page.locator("article").first.bounding_box()
    assert box["y"] + box["height"] < 900


def test_the_look_can_be_changed_and_is_kept(seen: Callable[..., Any], page_file: str) -> None:
    page, faults = seen(page_file)
    page.get_by_role("button", name="Dark", exact=True).click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark == "rgb(22, 24, 27)"
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    assert page.locator("#theme").inner_text() == "Light"
    assert faults == []


def test_a_table_sorts_by_mouse_and_by_key(seen: Callable[..., Any], page_file: str) -> None:
    page, faults = seen(page_file)
    head = page.locator("th", has_text="Runner time")
    cells = page.locator("table", has=head).locator("tbody tr td:nth-child(4)")
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert [cells.nth(place).inner_text() for place in (0, -1)] == ["60 min", "50.0 h"]
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert cells.first.inner_text() == "50.0 h"
    page.locator("th", has_text="Jobs").locator("button").press("Space")
    assert head.get_attribute("aria-sort") == "none"
    assert faults == []


def test_a_link_to_a_folded_finding_opens_it(seen: Callable[..., Any], page_file: str, make_report: Any) -> None:
    page, _ = seen(f"{page_file}#{make_report().findings[-1].fingerprint}")
    assert page.locator("article").last.is_visible()


def test_the_page_is_whole_without_storage(seen: Callable[..., Any], page_file: str, tmp_path: Path) -> None:
    frame = tmp_path / "frame.html"
    frame.write_text(f'<iframe sandbox="allow-scripts" src="{page_file}" width="900" height="700"></iframe>')
    page, _ = seen(frame.as_uri())
    inside = page.frame_locator("iframe")
    inside.get_by_role("button", name="Dark", exact=True).click()
    assert inside.locator("#theme").inner_text() == "Light"
