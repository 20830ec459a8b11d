"Chromium for the tests, by Playwright; where one of them is missing, a module is skipped by name."

import shutil
from contextlib import contextmanager

import pytest

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="needs Playwright; `make test-browser` installs it"
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATH = next(filter(None, map(shutil.which, NAMES)), None)
if PATH is None:
    pytest.skip(
        "needs Chromium or Chrome; `make test-browser` installs it", allow_module_level=True
    )
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def launched():
    "Chromium, without a window."
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PATH, args=FLAGS)
        yield browser
        browser.close()
