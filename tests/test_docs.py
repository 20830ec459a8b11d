"""The site: built from what is saved, complete, without hidden cells and without other hosts."""

import ast
import inspect
import json
import re
import sys
from html import unescape
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import docs  # noqa: E402
import front_page  # noqa: E402
import links  # noqa: E402  (docs says where it is)
import pages  # noqa: E402
import reference  # noqa: E402

NOTEBOOKS = docs.gather(ROOT)
needs_sphinx = pytest.mark.skipif(
    any(find_spec(name) is None for name in docs.NEEDED),
    reason="needs Sphinx: pip install -c constraints.txt -e '.[dev,docs]'",
)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    "The site, built once; what is wrong with it is for a test to say."
    out = tmp_path_factory.mktemp("site")
    return out, docs.build(out)


@pytest.fixture(scope="session")
def read(site):
    "The pages of the site, read once."
    return links.read(site[0])


def listed(faults) -> str:
    "Faults as the message of an assertion, one a line."
    return "\n".join(["", *faults])


def text_of(page: Path) -> str:
    "What a page says, without its tags, in one line."
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))))


def exported() -> dict[str, reference.Module]:
    "Every name that a module exports, in full, with its module; the package makes none itself."
    return {
        f"{module.name}.{name}": module
        for module in reference.modules(ROOT)[1:]
        for name in module.made
    }


@needs_sphinx
def test_builds_without_a_warning_a_broken_link_or_anything_from_elsewhere(site, read):
    assert not site[1], listed(site[1])
    inside = [link for page in read.values() for link in page.links if not links.is_outside(link)]
    assert len(inside) > 1_000
    assert len(read) >= len(NOTEBOOKS) + len(reference.modules(ROOT))


def is_hidden(cell) -> bool:
    "Whether the source of a cell is not for the site."
    said = pages.directives(cell.source)
    return "hide" in said or said.get("echo:") == "false"


def lines_of(cells, hidden: bool) -> set[str]:
    "The lines of those cells that are hidden, or of those that are not."
    chosen = [cell for cell in cells if is_hidden(cell) is hidden]
    return {line.strip() for cell in chosen for line in cell.source.splitlines()}


def page_faults(notebook: docs.Notebook, page: Path) -> list[str]:
    "What is wrong with the page of a notebook."
    html, said = page.read_text(encoding="utf-8"), text_of(page)
    cells = nbformat.read(notebook.path, as_version=4).cells
    title, promise = re.match(r"# (.+)\n\n> (.+)", cells[0].source).groups()
    faults = []
    if not re.search(rf"<h1>{re.escape(title)}<", html) or docs.plain(promise) not in said:
        faults.append("title or promise is missing")
    if "#|" in said or "colab-badge" in html:
        faults.append("a directive or a badge is shown")
    for line in lines_of(cells, True) - lines_of(cells, False):
        if len(line) > 25 and re.sub(r"\s+", " ", line) in said:
            faults.append(f"a hidden line is shown: {line}")
    for figure in re.findall(r'<img (?=[^>]*src="[^"]*_images/)[^>]*>', html):
        if not re.search(r'alt="\w[^"]* [^"]*"', figure):  # without words, the name of the file
            faults.append(f"no alt text: {figure}")
    return faults


@needs_sphinx
def test_pages_show_their_notebooks_and_no_hidden_cell(site):
    faults = [
        f"{notebook.page}: {fault}"
        for notebook in NOTEBOOKS.values()
        for fault in page_faults(notebook, site[0] / f"{notebook.page}.html")
    ]
    assert not faults, listed(faults)


@needs_sphinx
def test_pages_have_a_button_for_colab(site):
    "It opens the page's own notebook."
    faults = []
    for notebook in NOTEBOOKS.values():
        if not any(docs.BADGE.search(cell.source) for cell in notebook.cells):
            continue
        html = (site[0] / f"{notebook.page}.html").read_text(encoding="utf-8")
        [buttons] = re.findall(r'<p class="launch">(.+?)</p>', html)
        colab = "https://colab.research.google.com/github/piygr/s6erav3/blob/main"
        if f'<a href="{colab}/{notebook.place}">Open in Colab</a>' not in buttons:
            faults.append(notebook.page)
    assert not faults, listed(faults)


@needs_sphinx
def test_the_first_page_has_the_course_with_its_minutes_then_the_results(site):
    html = (site[0] / "index.html").read_text(encoding="utf-8")
    article = html.split("<article")[1]
    titles = [re.sub("<.*", "", title) for title in re.findall(r"<h2>(.+?)</h2>", article)]
    assert titles[:3] == ["What you will learn", "Results", "Quick start"]
    course = html.split('<div class="course">')[1].split("</div>\n<p>")[0]
    rows = re.findall(r'href="(\w+)\.html".+?<p>(\d+)</p></td>\n</tr>', course, re.S)
    wanted = [(path.stem, str(front_page.minutes(path, ROOT))) for path in pages.course()]
    assert rows == wanted
    assert "Show code cell source" not in html.split("Use it from Python")[0]
    assert 'href="https://codespaces.new/piygr/s6erav3"' in html
    assert 'href="00_data.html">Start the course</a>' in html


def test_the_first_page_keeps_what_readme_has():
    "Whatever comes before the first section stays first, such as what can be tried at once."
    cells = NOTEBOOKS["nbs/index.ipynb"].cells
    added = nbformat.v4.new_markdown_cell("**[Look inside](explore/index.html)**")
    arranged = front_page.arrange([cells[0], added, *cells[1:]])
    assert arranged[1].source == added.source

    def sentences(found):
        "The lines of all text."
        texts = [cell.source for cell in found if cell.cell_type == "markdown"]
        return {line for text in texts for line in text.splitlines() if not line.startswith("|")}

    lost = sentences(cells) - sentences(arranged)
    assert all("All of it is also [a site]" in line for line in lost)


def test_a_first_page_without_results_is_an_error():
    cells = [nbformat.v4.new_markdown_cell("# s6erav3\n\n## What you will learn")]
    with pytest.raises(ValueError, match="nbs/index.ipynb has no section Results"):
        front_page.arrange(cells)


@needs_sphinx
def test_solutions_are_not_on_the_site(read):
    assert not [page for page in read if "solution" in page]


@needs_sphinx
def test_every_exported_name_is_in_the_reference_with_the_place_where_it_is_made(read):
    overview = read["api/index.html"].links
    faults = []
    for name, module in exported().items():
        page = read[f"api/{module.name}.html"]
        sources = [link for link in page.links if link.startswith("../")]
        if f"{module.name}.html#{name}" not in overview or name not in page.anchors:
            faults.append(f"{name} is not in the reference")
        if not any(link.endswith(f"#{name}") for link in sources):
            faults.append(f"{name}: no link to where it is made")
    assert not faults, listed(faults)


def test_names_are_made_where_nbdev_says():
    text = (ROOT / "s6erav3" / "_modidx.py").read_text(encoding="utf-8")
    index = ast.literal_eval(text.split("d = ", 1)[1])["syms"]
    made = {
        f"{notebook.module}.{name}": re.sub(r"(^|/)\d+_", r"\1", notebook.page)
        for notebook in NOTEBOOKS.values()
        for cell in notebook.cells
        for name in docs.exported(cell)
    }
    known = {
        name: place.split(".html")[0]
        for names in index.values()
        for name, (place, _) in names.items()
    }
    assert exported().keys() <= made.keys()
    faults = [
        f"{name}: nbdev says {known[name]}, it is {made[name]}"
        for name in exported().keys() & known.keys()
        if made[name] != known[name]
    ]
    assert not faults, listed(faults)


@needs_sphinx
def test_what_is_said_of_parameters_is_in_the_reference(site):
    "The comments beside the arguments of a function and beside the fields of a recipe."
    from s6erav3.data.mnist import load_splits
    from s6erav3.training.recipe import Recipe

    fields = [kind for kind in Recipe.__mro__ if kind.__module__ == Recipe.__module__][-1]
    for documented in (load_splits, fields):
        source = inspect.getsource(documented)
        said = re.findall(r"^    \w+: .+  # (.+)$", source, re.M)
        text = text_of(site[0] / "api" / f"{documented.__module__}.html")
        assert len(said) > 4
        assert not [one for one in said if re.sub("[`*]", "", one) not in text]


@needs_sphinx
def test_search_finds_what_is_said(site):
    text = (site[0] / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))

    def found(word):
        "The pages in which a word stands."
        numbers = []
        for terms in (index["terms"], index["titleterms"]):
            places = terms.get(word, [])
            numbers += [places] if isinstance(places, int) else places
        return {index["docnames"][number] for number in numbers}

    assert "05_receptive_field" in found("recept")
    assert "06_evaluation" in found("wilson")
    assert "advanced/muon" in found("orthogon")
    assert not any("importlib.util.find_spec" in title for title in index["titles"])


@needs_sphinx
def test_the_sidebar_has_the_order_of_the_contents(site):
    "Course, advanced pages and internals have captions; exercises stand in their pages' order."
    html = (site[0] / "index.html").read_text(encoding="utf-8")
    sidebar = html.split('class="bd-links', 1)[1].split("</nav>", 1)[0]
    parts = re.split(r'<span class="caption-text">([^<]+)</span>', sidebar)
    shelves = {
        caption: re.findall(r'class="reference internal" href="([^"#]+)\.html"', part)
        for caption, part in zip(parts[1::2], parts[2::2])
    }
    contents = (ROOT / "CONTENTS.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[[^\]]+\]\(nbs/([\w/]+)\.ipynb\)", contents, re.M)
    assert shelves["Course"] == [path.stem for path in pages.course()]
    assert shelves["Course"] + shelves["Advanced"] + shelves["Internals"] == rows
    assert {page.split("/")[0] for page in shelves["Advanced"]} == {"advanced"}
    assert {page.split("/")[0] for page in shelves["Internals"]} == {"internals"}
    exercises = [page.removeprefix("exercises/") for page in shelves["Exercises"]]
    assert exercises == [name for row in rows if (name := Path(row).name) in exercises]
    assert list(shelves)[-2:] == ["To look up", "About"]


@needs_sphinx
def test_next_and_previous_walk_the_course(site):
    names = [path.stem for path in pages.course()]
    faults = []
    for name, following in zip(names, names[1:]):
        for page, kind, wanted in ((name, "next", following), (following, "prev", name)):
            html = (site[0] / f"{page}.html").read_text(encoding="utf-8")
            if f'<link rel="{kind}" title=' not in html or not re.search(
                rf'<link rel="{kind}" title="[^"]*" href="{wanted}.html"', html
            ):
                faults.append(f"{page}: {kind} is not {wanted}")
    assert not faults, listed(faults)


@needs_sphinx
def test_formulas_are_drawn_without_a_script(site, read):
    html = (site[0] / "06_evaluation.html").read_text(encoding="utf-8")
    assert html.count("<math ") > 5 and r"\frac" not in html
    loaded = read["06_evaluation.html"].loaded
    assert not [address for address in loaded if "mathjax" in address.lower()]
    stray = re.compile(r'\$\s*<span class="formula|</math></span>\s*\$')
    assert not [page for page in read if stray.search((site[0] / page).read_text(encoding="utf-8"))]
    assert (site[0] / "_static" / "math.woff").is_file()


def write_site(folder: Path, **pages) -> Path:
    "A site of the given pages."
    for name, html in pages.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    return folder


def test_broken_links_are_found(tmp_path):
    site = write_site(
        tmp_path,
        a='<p id="here"><a href="b.html#there">b</a><a href="#here">a</a>'
        '<a href="b.html#gone">b</a>',
        b='<a name="there" href="c.html">c</a><img src="d.png">',
    )
    assert links.broken(site, links.read(site)) == [
        "a.html: b.html has no place #gone",
        "b.html: there is no c.html",
        "b.html: there is no d.png",
    ]


def test_what_is_loaded_from_elsewhere_is_found(tmp_path):
    site = write_site(
        tmp_path,
        a='<a href="https://example.org">out</a><script src="//cdn.example.org/x.js"></script>'
        '<img src="data:image/png;base64,">',
    )
    (site / "style.css").write_text(
        "@import 'https://example.org/font.css'; b { background: url(c.png) }", encoding="utf-8"
    )
    assert links.loaded_from_elsewhere(site, links.read(site)) == [
        "a.html: //cdn.example.org/x.js",
        "style.css: https://example.org/font.css",
    ]
    assert links.external(links.read(site)) == {"https://example.org": ["a.html"]}


def test_links_of_notebooks_lead_to_pages_or_to_github():
    here = NOTEBOOKS["nbs/02_model.ipynb"]
    heading = docs.HEADING.findall("\n".join(NOTEBOOKS["nbs/advanced/muon.ipynb"].texts))[1]
    anchor = heading.lower().replace(" ", "-")
    cases = {
        "04_training.ipynb": "04_training.html",
        "internals/files.ipynb": "internals/files.html",
        f"advanced/muon.ipynb#{heading.replace(' ', '-')}": f"advanced/muon.html#{anchor}",
        f"advanced/muon.ipynb#{anchor}": f"advanced/muon.html#{anchor}",
        "../results": f"{docs.GITHUB}/tree/main/results",
        "../LICENSE": f"{docs.GITHUB}/blob/main/LICENSE",
        "nowhere.ipynb": "nowhere.ipynb",
        "https://example.org/a.ipynb": "https://example.org/a.ipynb",
    }
    assert {link: docs.resolve(here, NOTEBOOKS, link) for link in cases} == cases
    below = NOTEBOOKS["nbs/internals/files.ipynb"]
    assert docs.resolve(below, NOTEBOOKS, "../04_training.ipynb") == "../04_training.html"
    assert docs.resolve(below, NOTEBOOKS, "../../LICENSE") == f"{docs.GITHUB}/blob/main/LICENSE"


def test_without_sphinx_one_line_says_what_to_do(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(docs, "find_spec", lambda name: None)
    assert docs.main(["--out", str(tmp_path / "site")]) == 1
    said = capsys.readouterr().err
    assert (
        said.startswith("Error: ")
        and said.count("\n") == 1
        and "pip install" in said
        and not (tmp_path / "site").exists()
    )


def test_a_folder_that_holds_something_else_is_left_alone(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(docs, "find_spec", lambda name: True)
    (tmp_path / "letter.txt").write_text("keep me", encoding="utf-8")
    assert docs.main(["--out", str(tmp_path)]) == 1
    assert (
        "something else" in capsys.readouterr().err
        and (tmp_path / "letter.txt").read_text(encoding="utf-8") == "keep me"
    )


def test_bad_links_end_with_a_list(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(docs, "find_spec", lambda name: True)
    monkeypatch.setattr(
        docs, "build", lambda out: ["a.html: there is no b.html", "a.html: there is no c.html"]
    )
    assert docs.main(["--out", str(tmp_path / "site")]) == 1
    assert (
        capsys.readouterr().err
        == "Error: a.html: there is no b.html\nError: a.html: there is no c.html\n"
    )
