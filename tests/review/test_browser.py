"""The page in a real browser: clips play, keys answer, and nothing is lost when the server dies."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import semivideo

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (apt install chromium)")
ROOT = Path(__file__).parents[2]


class Server:
    """``semivideo review`` in a process of its own."""

    def __init__(self, run):
        self.run, self.process, self.address = run, None, ""

    def start(self, port=0):
        command = [sys.executable, "-m", "semivideo", "review", str(self.run), "--count", "10"]
        self.process = subprocess.Popen(
            [*command, "--port", str(port)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        limit = threading.Timer(120, self.process.kill)  # one that says nothing ends the wait
        limit.start()
        self.address = self.process.stdout.readline().removeprefix("open ").strip()
        limit.cancel()
        assert self.address.startswith("http://127.0.0.1:")
        return self

    def stop(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        code = self.process.wait(20)
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def run(video_run):
    """A run with fourteen training videos; the answers about it are gone afterwards."""
    yield video_run
    for file in video_run.folder.answers.iterdir():
        file.unlink()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(scope="module")
def server(run):
    """One for the tests that do not end it; a run has one review at a time."""
    made = Server(run.path).start()
    yield made
    if made.process.poll() is None:
        made.stop()


def opened(browser, address, **options):
    page = browser.new_page(**options)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
    page.goto(address)
    page.wait_for_selector("body[data-ready=yes]")
    return page


def expect(locator):
    """Playwright's own waiting; it needs no eval, which the page forbids."""
    return sync_api.expect(locator)


def wait_until(is_so, seconds=20):
    for _ in range(20 * seconds):
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def answered(run):
    content = json.loads((run.path / "answers" / "answers.json").read_text())
    return [(each["id"], each["labels"]) for each in content["answers"]]


def press(page, key):
    """Press a key and wait until the answer is taken and the next clip is shown."""
    before = page.inner_text("#clip-title")
    page.keyboard.press(key)
    expect(page.locator("#clip-title")).not_to_have_text(before)
    return before.partition(": ")[2]


def test_review__is_usable_and_loses_nothing(run, browser):
    server = Server(run.path).start()
    page = opened(browser, server.address)
    wait_until(lambda: page.evaluate("document.getElementById('video').currentTime") > 0.1)

    asked = [(press(page, key), key) for key in "1212121"]  # seven clips by key
    classes = ["squat", "wave"]
    assert answered(run) == [(id, [classes[int(key) - 1]]) for id, key in asked]
    assert page.inner_text("#progress-words") == "7 of 10 answered"

    undone = press(page, "u")
    assert undone  # the clip that was shown gives way to the one that was taken back
    assert page.inner_text("#clip-title").endswith(asked[6][0])
    assert len(answered(run)) == 6
    press(page, "2")

    page.reload()
    page.wait_for_selector("body[data-ready=yes]")
    assert page.inner_text("#progress-words") == "7 of 10 answered"

    press(page, "1")
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL  # between two answers
    page.keyboard.press("2")
    page.wait_for_selector("#said.bad")
    assert "The server does not answer: nothing was lost" in page.inner_text("#said")
    assert len(answered(run)) == 8
    page.close()

    server.start()
    page = opened(browser, server.address)
    assert page.inner_text("#progress-words") == "8 of 10 answered"
    press(page, "Enter")
    page.keyboard.press("x")
    expect(page.locator("#progress-words")).to_have_text("10 of 10 answered")
    assert page.inner_text("#clip-title") == "No clip is left here"
    assert len({id for id, _ in answered(run)}) == 10
    assert page.errors == []
    assert server.stop(signal.SIGINT) == 0
    page.close()

    again = semivideo.train(from_run=run.path, out=run.path.parent / "next", steps=1)
    assert len(again.split.labeled) == 2 + 9


def test_review__in_two_tabs_agrees(run, server, browser):
    one, two = (opened(browser, server.address) for _ in range(2))
    one.select_option("#which", "all")
    before = one.inner_text("#progress-words")
    one.locator("#main").focus()
    press(one, "1")
    two.evaluate("window.dispatchEvent(new Event('focus'))")
    two.select_option("#which", "all")
    wanted = one.inner_text("#progress-words")
    assert wanted != before
    expect(two.locator("#progress-words")).to_have_text(wanted)
    one.close()
    two.close()


def test_review__takes_several_labels_and_fits_a_phone(run, server, browser):
    page = opened(browser, server.address, viewport={"width": 390, "height": 800})
    page.select_option("#which", "all")
    page.locator("#main").focus()
    id = page.inner_text("#clip-title").partition(": ")[2]
    page.keyboard.press("Shift+Digit1")
    page.keyboard.press("Shift+Digit2")
    assert "squat + wave" in page.inner_text("#accept")
    press(page, "Enter")
    assert answered(run)[-1] == (id, ["squat", "wave"])
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
    press(page, "u")
    page.close()


def test_review__without_the_token_shows_why(server, browser):
    page = browser.new_page()
    page.goto(server.address.partition("?")[0])
    assert "open the address that semivideo review printed" in page.inner_text("body")
    page.close()
