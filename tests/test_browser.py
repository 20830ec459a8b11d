"""Notebooks and drawing canvas in a real browser: JupyterLab in headless Chromium, by Playwright.

`make test-browser` installs what is needed. The notebooks run in a copy, from cleared outputs.
With S6ERAV3_CANVAS_RECORD set to the name of a file, and `-k canvas`, the time from a stroke to
the bars is written there.
"""

import functools
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from chromium import sync_api
from s6erav3.data.mnist import find_data_dir, load_mnist
from s6erav3.pictures.predict import predict

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import pages  # noqa: E402

NOTEBOOKS = [path for path in pages.notebooks() if path.stem != "glossary"]  # nothing to run
PATIENCE = 900  # seconds for one notebook
WIDGET = "application/vnd.jupyter.widget-view+json"
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
FOLDERS = {
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "IPYTHONDIR": "ipython",
}
OPENED = (  # a page, one with a widget, exercises and solutions
    "nbs/00_data.ipynb",
    "nbs/internals/drawing_canvas.ipynb",
    "exercises/00_data.ipynb",
    "exercises/solutions/00_data.ipynb",
)
CANVAS = "from s6erav3.pictures.canvas import drawing_canvas\n\ncanvas = drawing_canvas()\ncanvas"


@functools.cache
def has_mnist() -> bool:
    "Whether MNIST is in place."
    try:
        load_mnist(download=False)
    except FileNotFoundError:
        return False
    return True


def is_left_out(source: str) -> bool:
    "Whether the test command leaves a cell out, too."
    said = pages.directives(source)
    needs_mnist = "mnist" in said and not has_mnist()
    return "slow" in said or said.get("eval:") == "false" or needs_mnist


def write_cleared(path: Path, target: Path) -> None:
    "Write a notebook without its outputs, and without what the test command leaves out."
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if not is_left_out(cell.source)]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    "The notebooks, cleared, their records, one with a canvas, and a clone with a page as saved."
    folder = tmp_path_factory.mktemp("browser")
    for path in NOTEBOOKS:
        write_cleared(path, folder / pages.place(path))
    cells = [nbformat.v4.new_code_cell(CANVAS)]
    metadata = nbformat.read(NOTEBOOKS[0], as_version=4).metadata
    canvas = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    nbformat.write(canvas, folder / "nbs" / "canvas.ipynb")
    shutil.copytree(ROOT / "results", folder / "results")
    for name in ("settings.ini", "jupyter_server_config.py", *OPENED):
        (folder / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / "clone" / name)
    for name, values in SETTINGS.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")
    return folder


def environment_of(workplace: Path) -> dict[str, str]:
    "The environment of a server whose settings are its own."
    environment = {
        **os.environ,
        **{key: str(workplace / name) for key, name in FOLDERS.items()},
        "S6ERAV3_OFFLINE": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    if has_mnist():
        environment["S6ERAV3_DATA"] = str(find_data_dir()[0].resolve())
    return environment


def free_port() -> int:
    "A port that nobody listens on."
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def server(workplace):
    "The address of a JupyterLab that serves them, with the clone's settings."
    port = free_port()
    options = [
        f"--config={workplace / 'clone' / 'jupyter_server_config.py'}",
        f"--ServerApp.root_dir={workplace}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.ip=127.0.0.1",
        "--IdentityProvider.token=",
        "--ServerApp.disable_check_xsrf=True",
        "--allow-root",
        "--no-browser",
    ]
    log = workplace / "server.log"
    with open(log, "w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [Path(sys.executable).parent / "jupyter", "lab", *options],
            cwd=workplace,
            env=environment_of(workplace),
            stdout=output,
            stderr=output,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(
            lambda: response_of(f"{address}/api"),
            60,
            lambda: f"the server did not start:\n{log.read_text(encoding='utf-8')[-2000:]}",
        )
        yield address
    finally:
        process.terminate()
        process.wait(30)


def response_of(address: str):
    "What an address gives, as JSON; None while nothing is there."
    try:
        with urllib.request.urlopen(address, timeout=5) as reply:
            return json.load(reply)
    except OSError:
        return None


def wait_for(condition, seconds: float, otherwise=lambda: "time is up"):
    "Wait until `condition()` is true."
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            pytest.fail(otherwise())
        time.sleep(0.2)
    return found


class Notebook:
    "A notebook open in a page, with a kernel of its own."

    def __init__(self, browser, server: str, place: str, view: str = "lab"):
        self.server, self.place = server, place
        self.page = browser.new_page(viewport={"width": 1280, "height": 900})
        if view == "lab":  # in a workspace of its own, or those opened before would open, too
            view = f"lab/workspaces/{Path(place).stem}/tree"
        self.page.goto(f"{server}/{view}/{place}")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        wait_for(self.is_ready, 60, lambda: f"the kernel of {place} did not start")

    def kernel(self):
        "The notebook's kernel, as the server sees it."
        sessions = response_of(f"{self.server}/api/sessions") or []
        own = [session["kernel"] for session in sessions if session["path"] == self.place]
        return own[0] if own else None

    def is_idle(self) -> bool:
        "Whether the kernel has nothing to do."
        kernel = self.kernel()
        return bool(kernel) and kernel["execution_state"] == "idle"

    def is_ready(self) -> bool:
        "Whether the page is connected to a kernel that has nothing to do."
        return self.is_idle() and bool(self.kernel()["connections"])

    def prompts(self) -> list[str]:
        "What stands before each cell of code."
        prompts = self.page.locator(".jp-Notebook .jp-CodeCell .jp-InputArea-prompt")
        return [text.strip() for text in prompts.all_inner_texts()]

    def has_run(self) -> bool:
        "Whether all cells have run, or the kernel has stopped at an error."
        dialogs = self.page.locator(".jp-Dialog")
        assert not dialogs.count(), dialogs.inner_text()
        prompts = self.prompts()
        has_begun = any(re.search(r"\d", prompt) for prompt in prompts)
        return has_begun and "[*]:" not in prompts and self.is_idle()

    def choose(self, menu: str, entry: str) -> None:
        "Choose an entry of a menu."
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.get_by_role("menuitem", name=entry, exact=True).click()

    def run_all(self) -> None:
        "Run all cells, and wait until each has its number or the kernel has stopped at an error."
        self.choose("Run", "Run All Cells")
        late = f"{self.place} was not done after {PATIENCE} s"
        wait_for(self.has_run, PATIENCE, lambda: f"{late}: {self.prompts()}")

    def save(self, folder: Path) -> Path:
        "Save the notebook from the page; the file."
        path = folder / self.place
        before = path.stat().st_mtime_ns
        self.page.keyboard.press("Control+s")

        def is_written():
            "Whether the file is new, and complete."
            if path.stat().st_mtime_ns == before:
                return False
            try:
                whole = path.read_bytes().endswith(b"\n")  # written after the last brace
                return whole and bool(nbformat.read(path, as_version=4))
            except nbformat.reader.NotJSONError:
                return False  # it is still being written

        wait_for(is_written, 30, lambda: f"{self.place} was not saved")
        return path

    def close(self) -> None:
        "Close the page and end the kernel."
        address = f"{self.server}/api/kernels/{self.kernel()['id']}"
        self.page.close()
        request = urllib.request.Request(address, method="DELETE")
        urllib.request.urlopen(request, timeout=10).close()


@pytest.fixture
def opened(browser, server):
    "A function that opens a notebook; what it opened is closed in the end."
    books = []

    def open_notebook(*args):
        books.append(Notebook(browser, server, *args))
        return books[-1]

    yield open_notebook
    for book in books:
        book.close()


def kinds(cell) -> set[str]:
    "The kinds of outputs that a cell has, widgets apart: their pictures stand for them."
    found = set()
    for output in cell.get("outputs", []):
        found |= output.get("data", {output.get("name", output["output_type"]): ""}).keys()
    return found - {WIDGET}


def cell_faults(cell, expected) -> list[str]:
    "What is wrong with a cell that was run, beside the cell as it is saved in the clone."
    faults = [
        f"{output.ename}: {output.evalue}"
        for output in cell.outputs
        if output.output_type == "error"
    ]
    if expected.outputs and not cell.outputs:
        faults.append("has no output")
    if has_mnist() and not kinds(expected) <= kinds(cell):
        faults.append(f"lacks an output of {kinds(expected) - kinds(cell)}")
    return [f"{fault} in\n{cell.source}" for fault in faults]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=pages.place)
def test_notebook_runs_from_cleared_outputs(path, opened, workplace):
    book = opened(pages.place(path))
    book.run_all()
    expected = {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}
    saved = nbformat.read(book.save(workplace), as_version=4)
    code = [cell for cell in saved.cells if cell.cell_type == "code"]
    faults = sum((cell_faults(cell, expected[cell.id]) for cell in code), [])
    faults += [
        f"was not run:\n{cell.source}"
        for cell in code
        if cell.source.strip() and not cell.execution_count
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", OPENED)
def test_opening_and_closing_a_notebook_leaves_no_diff(name, opened, workplace):
    "Also where a reader opens collapsed cells and hides outputs, and JupyterLab asks to save."
    path = workplace / "clone" / name
    before = path.read_bytes()
    book = opened(f"clone/{name}")
    assert path.read_bytes() == before
    assert book.save(workplace).read_bytes() == before
    for choice in ("Expand All Code", "Collapse All Outputs"):
        book.choose("View", choice)
    assert not book.page.locator(".jp-InputPlaceholder:visible").count()
    assert book.save(workplace).read_bytes() == before
    tab = book.page.locator(".lm-DockPanel-tabBar .lm-mod-current")
    tab.locator(".lm-TabBar-tabCloseIcon").click()
    save = book.page.locator(".jp-Dialog").get_by_role("button", name="Save")
    book.page.wait_for_timeout(1_000)
    if save.count():
        save.last.click()
    book.page.wait_for_timeout(1_000)
    assert path.read_bytes() == before


def draw(page, points) -> list[float]:
    "Draw a line through points, in parts of the paper's side; ms from each stroke to the bars."
    frame = page.locator(".drawing-canvas .paper").bounding_box()
    places = [
        (frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]) for x, y in points
    ]
    canvas = page.locator(".drawing-canvas")
    found = []
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        canvas.evaluate("canvas => delete canvas.dataset.latency")
        page.mouse.move(*place, steps=4)
        page.wait_for_function("document.querySelector('.drawing-canvas').dataset.latency")
        found.append(float(canvas.get_attribute("data-latency")))
    page.mouse.up()
    page.wait_for_timeout(300)
    return found


SEVEN = [
    (0.3, 0.25),
    (0.4, 0.25),
    (0.5, 0.25),
    (0.6, 0.25),
    (0.7, 0.25),
    (0.66, 0.4),
    (0.61, 0.55),
    (0.57, 0.7),
    (0.53, 0.85),
]
ONE = [(0.5, 0.2 + 0.05 * i) for i in range(13)]


@pytest.fixture(params=["lab", "notebooks"])
def canvas_page(request, opened):
    "A page with a canvas on which nothing is drawn, in JupyterLab and in Jupyter Notebook."
    if request.param == "notebooks":
        pytest.importorskip(
            "notebook", reason="needs Jupyter Notebook; `make test-browser` installs it"
        )
    book = opened("nbs/canvas.ipynb", request.param)
    book.run_all()
    status = book.page.locator(".drawing-canvas [role=status]")
    sync_api.expect(status).to_have_text("Nothing is drawn yet.", timeout=20_000)
    book.page.locator(".drawing-canvas .paper").scroll_into_view_if_needed()
    return book.page


def save_drawing(page, file: Path) -> None:
    "Save the drawing by its button."
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as PNG").click()
    download.value.save_as(file)


def test_a_drawing_is_classified_stroke_by_stroke(canvas_page, tmp_path):
    page = canvas_page
    status = page.locator(".drawing-canvas [role=status]")
    draw(page, SEVEN)
    sync_api.expect(status).to_contain_text("Predicted as 7")
    assert float(page.get_by_label("Probability of 7").evaluate("meter => meter.value")) > 0.95
    save_drawing(page, tmp_path / "digit.png")
    with Image.open(tmp_path / "digit.png") as saved:
        assert saved.size == (280, 280)
    assert predict(tmp_path / "digit.png")["digit"].tolist() == [7]


def test_the_canvas_is_used_by_keyboard(canvas_page):
    page = canvas_page
    draw(page, SEVEN)
    stage = page.get_by_label("Stage whose feature maps are shown")
    stage.select_option("conv5")
    sync_api.expect(page.get_by_label("20 feature maps of 5 by 5 positions")).to_be_visible()
    stage.focus()
    page.keyboard.press("ArrowUp")  # JupyterLab's own keys must not get in the way
    sync_api.expect(page.get_by_label("16 feature maps of 5 by 5 positions")).to_be_visible()
    for _ in range(2):
        page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.textContent") == "Clear"
    page.keyboard.press("Enter")
    status = page.locator(".drawing-canvas [role=status]")
    sync_api.expect(status).to_have_text("Nothing is drawn yet.")
    draw(page, ONE)
    sync_api.expect(status).to_contain_text("Predicted as 1")


def run_new_cell(page, source: str) -> str:
    "What a new last cell prints."
    page.locator(".jp-Notebook").click(position={"x": 5, "y": 5})
    page.keyboard.press("Escape")
    page.keyboard.press("Control+End")
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.keyboard.insert_text(source)
    page.keyboard.press("Control+Enter")
    output = page.locator(".jp-Notebook .jp-CodeCell").last.locator(".jp-OutputArea-output")
    sync_api.expect(output).not_to_be_empty(timeout=20_000)
    return output.inner_text()


def test_python_gets_the_drawing_when_it_asks(canvas_page):
    draw(canvas_page, SEVEN)
    before = "canvas.ask(); print('drawing:', canvas.drawing)"
    assert run_new_cell(canvas_page, before).strip() == "drawing: None"
    after = "from s6erav3.pictures.predict import to_mnist, classify\n"
    after += "print(classify(to_mnist(canvas.drawing > 127)[None])['digit'].tolist())"
    assert run_new_cell(canvas_page, after).strip() == "[7]"


def test_the_canvas_needs_no_kernel(canvas_page):
    "It predicts while the page is cut off from the server."
    canvas_page.context.set_offline(True)
    draw(canvas_page, SEVEN)
    status = canvas_page.locator(".drawing-canvas [role=status]")
    sync_api.expect(status).to_contain_text("Predicted as 7")
    canvas_page.context.set_offline(False)


def test_the_canvas_responds_to_every_stroke(canvas_page):
    "How fast is measured, printed, and written to a record if one is named."
    times = draw(canvas_page, SEVEN)
    canvas_page.get_by_role("button", name="Clear").click()
    times += draw(canvas_page, ONE)
    assert len(times) == len(SEVEN) + len(ONE) - 2
    median, longest = statistics.median(times), max(times)
    print(f"from a stroke to the bars: {median:.0f} ms, {longest:.0f} at most, of {len(times)}")
    record = os.environ.get("S6ERAV3_CANVAS_RECORD")
    if record and "/lab/" in canvas_page.url:
        numbers = {
            "strokes": len(times),
            "median_ms": median,
            "max_ms": longest,
            "browser": canvas_page.context.browser.version,
            "view": "JupyterLab",
        }
        Path(record).write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
