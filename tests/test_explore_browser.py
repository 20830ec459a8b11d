"""The explorable page and the canvas of the site in headless Chromium, opened as files, offline.

`make test-browser` installs what is needed. Variables that this module reads:
S6ERAV3_SCREENSHOTS, a folder for pictures of the page; S6ERAV3_PAGE_RECORD, a file for the times
of its frames; S6ERAV3_AXE, axe.min.js of the npm package axe-core, without which the check of
accessibility is skipped.
"""

import functools
import json
import os
import re
import shutil
import statistics
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from chromium import sync_api
from javascript import ROOT
from s6erav3.evaluation.mistakes import feature_maps
from s6erav3.inference import predict_log_proba
from s6erav3.models.weights import load_pretrained
from s6erav3.pictures.samples import draw_seven, photograph, small_seven, transparent_seven

sys.path.insert(0, str(ROOT / "tools"))
import explore  # noqa: E402

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
SEVEN = [(0.3, 0.25), (0.5, 0.25), (0.7, 0.25), (0.61, 0.55), (0.53, 0.85)]
IMAGES = json.loads((ROOT / "docs" / "explore" / "images.json").read_text(encoding="utf-8"))


@pytest.fixture
def opened(browser, built):
    """A function that opens the page as a file, with the network cut off.

    Fails in the end if the page raised an error or asked for anything that is not a file.
    """
    contexts, faults = [], []

    def open_page(folder=built, **options):
        context = browser.new_context(**{"viewport": DESKTOP, **options})
        contexts.append(context)
        context.set_offline(True)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: faults.append(request.url) if is_away(request) else None)
        page.goto((folder / "index.html").as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults, faults


def is_away(request) -> bool:
    "Whether a request is not for a file or for what is in the page itself."
    return not request.url.startswith(("file:", "data:", "blob:"))


@pytest.fixture
def page(opened):
    "The page as it opens, on a desktop."
    return ready(opened())


def ready(page):
    "The page, once it shows its first image."
    sync_api.expect(status_of(page)).to_contain_text("Predicted as 3")
    return page


def status_of(page):
    "The sentence with the prediction."
    return page.locator("#status")


def problem_of(page):
    "The sentence that says what is wrong."
    return page.locator("#problem")


def draw(page, points, paper="#paper") -> None:
    "Draw a line through points, in parts of the paper's side."
    box = page.locator(paper).bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def map_of(page, stage: int, channel: int):
    "A map, or a probability."
    return page.locator(".stage").nth(stage).locator(".maps button").nth(channel)


def point_at(page, stage, channel, row, column, side) -> None:
    "Move the pointer to a position of a map of side × side positions."
    button = map_of(page, stage, channel)
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    x = box["x"] + box["width"] * (column + 0.5) / side
    page.mouse.move(x, box["y"] + box["height"] * (row + 0.5) / side)


def bundled(n: int) -> torch.Tensor:
    "The pixels of a bundled test image, `(1, 28, 28)`."
    with Image.open(ROOT / "docs" / "explore" / "images.png") as strip:
        pixels = np.asarray(strip)
    return torch.tensor(pixels[28 * n : 28 * (n + 1)])[None]


def probabilities_of(page) -> list[float]:
    "The ten probabilities, as the page writes them."
    texts = page.locator(".probability .number").all_inner_texts()
    return [float(text.removesuffix("\u00a0%")) / 100 for text in texts]


def screenshot(page, name: str) -> None:
    "Keep a picture of the page, if a folder is named for them."
    folder = os.environ.get("S6ERAV3_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_drawing_is_classified(size, scheme, opened):
    page = ready(opened(viewport=size, color_scheme=scheme, has_touch=size is PHONE))
    draw(page, SEVEN)
    sync_api.expect(status_of(page)).to_contain_text("Predicted as 7")
    assert probabilities_of(page)[7] > 0.5
    screenshot(page, f"{size['width']}-{scheme}")
    page.get_by_role("button", name="Clear").click()
    sync_api.expect(status_of(page)).to_have_text("Nothing is drawn yet.")
    assert page.locator(".probability .number").all_inner_texts() == 10 * [""]


@pytest.mark.parametrize("width", [390, 600, 768, 1024, 1280, 1920])
def test_nothing_is_wider_than_the_window(width, opened):
    page = ready(opened(viewport={"width": width, "height": 900}))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    screenshot(page, f"{width}")


def test_a_position_is_framed_and_its_arithmetic_written_out(page):
    "Its number is the one that PyTorch computes."
    maps = feature_maps(load_pretrained(), bundled(3))
    point_at(page, 4, 5, 3, 6, 10)
    where = page.locator("#where")
    sync_api.expect(where).to_contain_text("conv4, channel 6, row 4, column 7")
    said = float(where.inner_text().rsplit(" ", 1)[1].replace("−", "-"))
    assert abs(said - maps["conv4"][5, 3, 6]) < 0.001
    text = page.locator(".field").inner_text()
    assert "rows 5 to 18, columns 11 to 24" in text
    assert page.locator(".frame.direct:visible").count() == 12  # the channels of conv3
    assert page.locator(".stage").nth(0).locator(".frame:visible").count() == 8
    style = page.locator("#input .frame").evaluate("frame => frame.style.cssText")
    assert "height: 50%" in style  # 14 of 28 rows
    assert page.locator(".lines path").count() == 12
    assert page.locator(".card").count() == 12
    tables = page.locator(".numbers caption").all_inner_texts()
    assert [name.split(",")[0] for name in tables] == ["patch", "filter", "products"]
    steps = page.locator(".steps span").all_inner_texts()
    assert [step.split(" ")[0] for step in steps][-2:] == ["ReLU:", "BatchNorm:"]


def test_every_stage_explains_itself(page):
    for stage, side in enumerate([28, 28, 14, 12, 10, 5, 5, 1, 1]):
        point_at(page, stage, 2, side // 2, side // 2, side)
        name = page.locator(".stage h3").nth(stage).inner_text()
        where = page.locator("#where")
        sync_api.expect(where).to_contain_text("fc" if name == "probabilities" else name)
        said = where.inner_text().rsplit(" ", 1)[1]
        last = page.locator(".steps b").all_inner_texts()
        assert said in last, (name, said, last)


def test_a_click_holds_a_position_and_escape_releases_it(page):
    point_at(page, 3, 1, 2, 2, 12)
    page.mouse.down()
    page.mouse.up()
    field = page.locator(".field")
    sync_api.expect(field).to_contain_text("Held")
    point_at(page, 3, 4, 5, 5, 12)
    sync_api.expect(page.locator("#where")).to_contain_text("conv3, channel 2, row 3, column 3")
    page.keyboard.press("Escape")
    sync_api.expect(field).not_to_contain_text("Held")
    point_at(page, 3, 4, 6, 6, 12)
    sync_api.expect(page.locator("#where")).to_contain_text("conv3, channel 5, row 7, column 7")


def test_a_filter_and_an_input_channel_are_chosen(page):
    point_at(page, 3, 1, 2, 2, 12)
    page.mouse.down()
    page.mouse.up()
    page.get_by_role("button", name=re.compile("^channel 4 adds")).click()
    sync_api.expect(page.locator(".numbers caption").first).to_have_text("patch, channel 4")
    box = page.locator(".filters").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 1.5 / 8, box["y"] + box["height"] * 6.5 / 12)
    sync_api.expect(page.locator("#where")).to_contain_text("conv3, channel 7")
    sync_api.expect(page.locator(".numbers caption").first).to_have_text("patch, channel 2")


def test_models_and_images_are_switched(page):
    "The probabilities are those that PyTorch computes."
    for n in (0, 12):
        page.locator(".image").nth(n).click()
        label = f"Test image {IMAGES[n]['index']}, labelled {IMAGES[n]['label']}"
        verdict = "correct" if n < 10 else "misclassified"
        sync_api.expect(page.locator("#source")).to_have_text(f"{label}: {verdict}")
        for name in explore.MODELS:
            page.locator("#model").select_option(name)
            expected = predict_log_proba(load_pretrained(name), bundled(n)[None]).exp()[0]
            said = f"Predicted as {expected.argmax()}, with a probability of "
            text = f"{said}{100 * expected.max():.1f}\u00a0%"
            sync_api.expect(status_of(page)).to_contain_text(text)
            page.wait_for_function("document.body.dataset.frame")
            found = torch.tensor(probabilities_of(page))
            assert (found - expected).abs().max() < 0.001
        channels = load_pretrained(name).conv5[0].out_channels
        assert page.locator(".stage").nth(6).locator(".map").count() == channels
        page.locator("#model").select_option("best")


def filters_shown(page) -> str:
    "The picture of all weights of a stage."
    return page.locator(".filters").evaluate("canvas => canvas.toDataURL()")


def test_the_slider_shows_the_epochs(page):
    slider = page.get_by_role("slider", name="Training run")
    slider.focus()
    page.keyboard.press("Home")
    seen = [filters_shown(page)]
    for epoch in range(1, 9):
        page.keyboard.press("ArrowRight")
        sync_api.expect(page.locator("#reached")).to_contain_text(f"epoch {epoch}:")
        page.wait_for_timeout(100)
        seen.append(filters_shown(page))
    assert len(set(seen)) == 9
    assert page.locator("#model").input_value() == "run"
    sync_api.expect(status_of(page)).to_contain_text("Predicted as 3")
    page.get_by_role("button", name="Play").click()
    sync_api.expect(page.locator("#reached")).to_have_text("untrained")
    page.get_by_role("button", name="Stop").click()
    page.locator("#model").select_option("best")
    sync_api.expect(page.locator("#reached")).to_have_text("")


def test_the_page_is_used_by_keyboard(page):
    "Stages, maps and positions, which can be held; the paper."
    map_of(page, 2, 0).focus()
    page.keyboard.press("Tab")
    where = page.locator("#where")
    sync_api.expect(where).to_contain_text("conv3, channel 1,")
    page.keyboard.press("PageDown")
    sync_api.expect(where).to_contain_text("conv3, channel 2,")
    before = where.inner_text()
    page.keyboard.press("ArrowRight")
    sync_api.expect(where).not_to_have_text(before)
    page.keyboard.press("Enter")
    sync_api.expect(page.locator(".field")).to_contain_text("Held")
    held = where.inner_text()
    page.keyboard.press("Tab")
    page.wait_for_timeout(200)
    assert where.inner_text() == held
    page.keyboard.press("Escape")
    sync_api.expect(page.locator(".field")).not_to_contain_text("Held")
    page.get_by_role("img", name=re.compile("^Paper")).focus()
    page.keyboard.press("Space")
    for _ in range(25):
        page.keyboard.press("ArrowDown")
    sync_api.expect(status_of(page)).to_contain_text("Predicted as 1")


@pytest.mark.parametrize("size", [PHONE, {"width": 820, "height": 700}, DESKTOP])
def test_what_has_the_focus_is_seen(size, opened):
    "Also where the arithmetic sticks to the lower end of the window."
    page = ready(opened(viewport=size))
    covered = """() => {
      const { left, right, top, bottom } = document.activeElement.getBoundingClientRect();
      const seen = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
      return !document.activeElement.contains(seen);
    }"""
    map_of(page, 0, 0).focus()
    for _ in range(8):
        page.keyboard.press("Tab")
        page.wait_for_timeout(50)
        assert not page.evaluate(covered), page.locator("#where").inner_text()


def test_the_focus_stays_on_a_card(page):
    page.get_by_role("button", name=re.compile("^channel 4 adds")).focus()
    page.keyboard.press("Enter")
    sync_api.expect(page.locator(".numbers caption").first).to_have_text("patch, channel 4")
    name = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert name.startswith("channel 4 adds")


def test_taps_never_hold_a_position(opened):
    page = ready(opened(viewport=PHONE, has_touch=True))
    for row in (4, 8):
        button = map_of(page, 3, 1)
        button.scroll_into_view_if_needed()
        box = button.bounding_box()
        page.touchscreen.tap(
            box["x"] + box["width"] / 2, box["y"] + box["height"] * (row + 0.5) / 12
        )
        sync_api.expect(page.locator("#where")).to_contain_text(f"channel 2, row {row + 1},")
        assert "Held" not in page.locator(".field").inner_text()


def test_nothing_moves_when_a_position_is_held_or_an_image_is_chosen(page):
    point_at(page, 3, 1, 2, 2, 12)
    place = page.locator(".tables").bounding_box()
    page.mouse.down()
    page.mouse.up()
    sync_api.expect(page.locator(".field")).to_contain_text("Held")
    assert page.locator(".tables").bounding_box()["y"] == place["y"]
    tops = set()
    for n in range(20):
        page.locator(".image").nth(n).click()
        page.wait_for_timeout(50)
        tops.add(page.locator("#input").bounding_box()["y"])
    assert len(tops) == 1


def test_a_part_is_covered(page):
    before = probabilities_of(page)
    page.get_by_role("checkbox", name="Cover a part").check()
    page.get_by_label("Input of the network").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(300)
    seen = [before, probabilities_of(page)]
    box = page.locator("#input button").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
    page.wait_for_timeout(300)
    seen.append(probabilities_of(page))
    assert len(set(map(tuple, seen))) == 3
    page.get_by_role("checkbox", name="Cover a part").uncheck()
    page.wait_for_timeout(300)
    assert probabilities_of(page) == before


def test_picture_files(page, tmp_path):
    pictures = {
        "clean": draw_seven(200),
        "bright": draw_seven(200, ink=240, paper=10),
        "photo": photograph(),
        "small": small_seven(),
        "transparent": transparent_seven(),
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / f"{name}.png")
        page.locator("#file").set_input_files(tmp_path / f"{name}.png")
        if name == "transparent":  # white on nothing
            sync_api.expect(problem_of(page)).to_contain_text("transparent.png shows no ink")
            continue
        sync_api.expect(page.locator("#source")).to_have_text(f"{name}.png")
        sync_api.expect(status_of(page)).to_contain_text("Predicted as 7")
        assert not problem_of(page).is_visible()


def test_files_that_show_no_digit(page, tmp_path):
    "Each gets a sentence, and the image before it stays."
    (tmp_path / "poem.png").write_text("not a picture", encoding="utf-8")
    Image.new("L", (8_000, 6_300), 255).save(tmp_path / "large.png")
    Image.new("L", (300, 300), 255).save(tmp_path / "blank.png")
    (tmp_path / "empty.png").touch()
    row = Image.new("L", (420, 200), 255)
    for x in (0, 210):
        row.paste(draw_seven(200), (x, 0))
    row.save(tmp_path / "two.png")
    sentences = {
        "poem.png": "is not a picture that this browser can open",
        "large.png": "has 50 megapixels",
        "blank.png": "shows no ink",
        "two.png": "is too wide for one digit",
        "empty.png": "is empty",
    }
    for name, said in sentences.items():
        page.locator("#file").set_input_files(tmp_path / name)
        sync_api.expect(problem_of(page)).to_contain_text(f"{name} {said}")
        sync_api.expect(status_of(page)).to_contain_text("Predicted as 3")
    page.locator(".image").nth(1).click()
    sync_api.expect(problem_of(page)).to_be_hidden()


def test_a_long_name_stays_in_its_column(opened, tmp_path):
    name = f"{'long_name_' * 12}.png"
    draw_seven(200).save(tmp_path / name)
    (tmp_path / f"not_{name}").touch()
    for width in (390, 1280):
        page = ready(opened(viewport={"width": width, "height": 900}))
        for file in (name, f"not_{name}"):
            page.locator("#file").set_input_files(tmp_path / file)
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        source = page.locator("#source").bounding_box()
        assert source["width"] <= page.locator(".left").bounding_box()["width"]


def test_a_file_is_dropped(page):
    drop = """
    const file = new File(["no picture"], "dropped.txt");
    const event = new DragEvent("drop", { dataTransfer: new DataTransfer(), bubbles: true });
    event.dataTransfer.items.add(file);
    document.body.dispatchEvent(event);
    """
    page.evaluate(drop)
    sync_api.expect(problem_of(page)).to_contain_text("dropped.txt is not a picture")


def assert_is_excused(page) -> None:
    "Fail unless there are a sentence on JavaScript and a picture, and nothing else."
    sync_api.expect(page.get_by_text("needs JavaScript")).to_be_visible()
    assert page.locator(".unscripted img").bounding_box()["width"] > 300
    assert not page.locator("main").is_visible()


def test_without_javascript_there_are_a_sentence_and_a_picture(opened):
    assert_is_excused(opened(java_script_enabled=False))


def test_a_script_that_does_not_load_is_no_blank_page(opened, built, tmp_path):
    folder = shutil.copytree(built, tmp_path / "page")
    (folder / "explore.js").unlink()
    assert_is_excused(opened(folder))


def test_weights_that_do_not_load_get_a_sentence(opened, built, tmp_path):
    folder = shutil.copytree(built, tmp_path / "page")
    (folder / "weights.js").unlink()
    page = opened(folder)
    sync_api.expect(problem_of(page)).to_contain_text("weights.js, is missing")
    assert not page.locator("main").is_visible()


def test_motion_is_reduced(opened):
    moving = "getComputedStyle(document.querySelector('.bar')).transitionDuration"
    assert ready(opened()).evaluate(moving) != "0s"
    assert ready(opened(reduced_motion="reduce")).evaluate(moving) == "0s"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_accessibility(size, scheme, opened):
    "No violation of any rule of axe-core."
    axe = os.environ.get("S6ERAV3_AXE")
    if not axe:
        pytest.skip("needs axe-core: npm install axe-core, and S6ERAV3_AXE=…/axe.min.js")
    page = ready(opened(viewport=size, color_scheme=scheme))
    page.evaluate(Path(axe).read_text(encoding="utf-8"))
    for stage in (1, 8):
        map_of(page, stage, 1).focus()
        page.wait_for_timeout(200)
        found = page.evaluate("axe.run()")
        faults = [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in found["violations"]]
        assert len(found["passes"]) > 20 and not faults, faults


@pytest.fixture
def served(built):
    "The address of a server that has the page."
    handler = functools.partial(SimpleHTTPRequestHandler, directory=built)
    handler.log_message = lambda *args: None
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_from_a_server_nothing_else_is_asked(browser, served):
    page = browser.new_page(viewport=DESKTOP)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(served)
    ready(page)
    own = [url for url in asked if not url.startswith("data:")]
    names = {url.removeprefix(served) for url in own}
    page.close()
    assert names == {"", "explore.js", "style.css", "weights.js"}


def times_of(page, work) -> list[float]:
    "How long each frame took while `work` was done, in ms."
    page.evaluate("""() => {
      globalThis.times = [];
      const note = () => times.push(Number(document.body.dataset.frame));
      globalThis.observer = new MutationObserver(note);
      observer.observe(document.body, { attributes: true, attributeFilter: ["data-latency"] });
    }""")
    work()
    page.wait_for_timeout(300)
    return page.evaluate("() => { observer.disconnect(); return times; }")


def hover_over(page) -> None:
    "Point at many positions of three stages."
    for stage, side in ((1, 28), (4, 10), (6, 5)):
        for step in range(20):
            point_at(page, stage, 3, step % side, (3 * step) % side, side)
            page.wait_for_timeout(20)


def test_frames_are_measured(page):
    "How long they take is printed, and written to a record if one is named."
    record = {"browser": page.context.browser.version}
    work = {
        "drawing": lambda: [draw(page, SEVEN) for _ in range(3)],
        "pointing": lambda: hover_over(page),
    }
    for name, done in work.items():
        times = times_of(page, done)
        assert len(times) > 20
        record[name] = {
            "frames": len(times),
            "median_ms": round(statistics.median(times), 1),
            "p95_ms": round(statistics.quantiles(times, n=20)[-1], 1),
            "max_ms": max(times),
        }
    print(record)
    if path := os.environ.get("S6ERAV3_PAGE_RECORD"):
        Path(path).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def test_the_canvas_of_the_site_needs_no_kernel(browser, tmp_path):
    html = f"<!doctype html><body>{explore.canvas_html('', 'an example')}"
    (tmp_path / "canvas.html").write_text(html, encoding="utf-8")
    page = browser.new_page(viewport=DESKTOP)
    page.goto((tmp_path / "canvas.html").as_uri())
    status = page.locator(".drawing-canvas [role=status]")
    sync_api.expect(status).to_have_text("Nothing is drawn yet.")
    draw(page, SEVEN, ".drawing-canvas .paper")
    sync_api.expect(status).to_contain_text("Predicted as 7")
    page.get_by_label("Stage whose feature maps are shown").select_option("conv5")
    sync_api.expect(page.get_by_label("20 feature maps of 5 by 5 positions")).to_be_visible()
    page.close()
