"The site: built from what is saved, whole, without anything from elsewhere, and without what is hidden in the notebooks."

import ast
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
import links  # noqa: E402  (docs says where it is)
import reference  # noqa: E402

NOTEBOOKS = [*sorted((ROOT / "nbs").glob("*.ipynb")), *sorted((ROOT / "exercises").glob("*.ipynb"))]
needs_sphinx = pytest.mark.skipif(
    any(find_spec(name) is None for name in docs.NEEDED),
    reason="needs Sphinx: pip install -c constraints.txt -e '.[dev,docs]'",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    "The site, built once; what is wrong with it is for a test to say."
    out = tmp_path_factory.mktemp("site")
    return out, docs.build(out)


def page_of(path: Path) -> str:
    "Where the page of a notebook lies in the site."
    return f"{docs.Notebook(path, ROOT).page}.html"


def text_of(page: Path) -> str:
    "What a page says, without its tags, in one line."
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))))


def exported() -> dict[str, reference.Module]:
    "Every name that a module exports, in full, with its module; those of the package itself are made in others."
    return {
        f"{module.name}.{name}": module
        for module in reference.modules(ROOT)[1:]
        for name in module.exported
    }


@needs_sphinx
def test_builds_without_a_warning_a_broken_link_or_anything_from_elsewhere(site):
    out, wrong = site
    assert wrong == []
    pages = links.read(out)
    inside = [link for page in pages.values() for link in page.links if not links.is_outside(link)]
    assert len(inside) > 1_000 and len(pages) >= len(NOTEBOOKS) + len(reference.modules(ROOT))


@needs_sphinx
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_page_shows_its_notebook_and_no_hidden_cell(site, path):
    page = site[0] / page_of(path)
    html, said = page.read_text(encoding="utf-8"), text_of(page)
    cells = nbformat.read(path, as_version=4).cells
    title, promise = re.match(r"# (.+)\n\n> (.+)", cells[0].source).groups()
    assert re.search(rf"<h1>{re.escape(title)}<", html) and docs.plain(promise) in said
    assert "#|" not in said and "colab-badge" not in html
    hidden = {
        line.strip()
        for cell in cells
        if re.search(r"^#\| (hide|echo: false)", cell.source, re.M)
        for line in cell.source.splitlines()
    }
    shown = {
        line.strip()
        for cell in cells
        if not re.search(r"^#\| (hide|echo: false)", cell.source, re.M)
        for line in cell.source.splitlines()
    }
    leaked = [
        line for line in hidden - shown if len(line) > 25 and re.sub(r"\s+", " ", line) in said
    ]
    assert not leaked
    figures = re.findall(r'<img (?=[^>]*src="[^"]*_images/)[^>]*>', html)
    assert all(
        re.search(r'alt="\w[^"]* [^"]*"', figure) for figure in figures
    )  # without words Sphinx puts the name of the file there


@needs_sphinx
def test_solutions_are_not_on_the_site(site):
    assert not [page for page in links.read(site[0]) if "solution" in page]


@needs_sphinx
def test_every_exported_name_is_in_the_reference_with_the_place_where_it_is_made(site):
    pages = links.read(site[0])
    overview = pages["api/index.html"].links
    for name, module in exported().items():
        assert f"{module.name}.html#{name}" in overview
        page = pages[f"api/{module.name}.html"]
        assert name in page.anchors
        assert any(link.startswith("../") and link.endswith(f"#{name}") for link in page.links), (
            name
        )


def test_names_are_made_where_nbdev_says():
    index = ast.literal_eval(
        (ROOT / "s6erav3" / "_modidx.py").read_text(encoding="utf-8").split("d = ", 1)[1]
    )["syms"]
    made = {
        f"{notebook.module}.{name}": re.sub(r"^\d+_", "", notebook.page)
        for notebook in docs.gather(ROOT).values()
        for cell in notebook.cells
        if cell.cell_type == "code"
        for name in docs.exported(cell)
    }
    known = {
        name: place.split(".html")[0]
        for names in index.values()
        for name, (place, _) in names.items()
    }
    assert exported().keys() <= made.keys()
    assert {name: made[name] for name in exported() if name in known} == {
        name: known[name] for name in exported() if name in known
    }


@needs_sphinx
def test_what_is_said_of_parameters_is_in_the_reference(site):
    from fastcore.docments import docments

    from s6erav3.data import load_splits
    from s6erav3.training.train import Recipe

    said = docments(load_splits)
    text = text_of(site[0] / "api" / "s6erav3.data.html")
    assert len(said) == 7 and all(
        re.sub("[`*]", "", comment) in text for comment in said.values() if comment
    )
    fields = docments(Recipe.__mro__[1])
    text = text_of(site[0] / "api" / "s6erav3.training.train.html")
    assert len(fields) > 15 and all(
        re.sub("[`*]", "", comment) in text for comment in fields.values() if comment
    )


@needs_sphinx
def test_search_finds_what_is_said(site):
    text = (site[0] / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))

    def found(word):
        return {
            index["docnames"][i]
            for i in (
                [index["terms"][word]]
                if isinstance(index["terms"][word], int)
                else index["terms"][word]
            )
        }

    assert (
        "02_anatomy" in found("recept")
        and "04_evaluation" in found("wilson")
        and "03_muon" in found("orthogon")
    )
    assert not any("importlib.util.find_spec" in title for title in index["titles"])


@needs_sphinx
def test_the_sidebar_has_the_order_of_the_readme(site):
    html = (site[0] / "index.html").read_text(encoding="utf-8")
    sidebar = re.findall(
        r'class="reference internal" href="([^"#]+)\.html"',
        html.split('class="bd-links', 1)[1].split("</nav>", 1)[0],
    )
    rows = re.findall(
        r"^\| \[[^\]]+\]\(nbs/(\w+)\.ipynb\)",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.M,
    )
    assert len(rows) > 15 and [page for page in sidebar if page in rows] == rows
    assert sidebar.index("api/index") > max(map(sidebar.index, rows))
    assert sorted(page for page in sidebar if "/" not in page) == sorted(
        [
            *(
                path.stem
                for path in NOTEBOOKS
                if path.parent.name == "nbs" and path.stem != "index"
            ),
            *(Path(name).stem.lower() for name in docs.TEXTS),
        ]
    )


@needs_sphinx
def test_formulas_are_drawn_without_a_script(site):
    html = (site[0] / "04_evaluation.html").read_text(encoding="utf-8")
    assert html.count("<math ") > 10 and r"\frac" not in html
    assert not [
        address
        for address in links.read(site[0])["04_evaluation.html"].loaded
        if "mathjax" in address.lower()
    ]
    stray = re.compile(r'\$\s*<span class="formula|</math></span>\s*\$')
    assert not [
        page
        for page in links.read(site[0])
        if stray.search((site[0] / page).read_text(encoding="utf-8"))
    ]
    assert (site[0] / "_static" / "math.woff").is_file()


def write_site(folder: Path, **pages) -> Path:
    "A site of the given pages."
    for name, html in pages.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    return folder


def test_broken_links_are_found(tmp_path):
    site = write_site(
        tmp_path,
        a='<p id="here"><a href="b.html#there">b</a><a href="#here">a</a><a href="b.html#gone">b</a>',
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
        a='<a href="https://example.org">out</a><script src="//cdn.example.org/x.js"></script><img src="data:image/png;base64,">',
    )
    (site / "style.css").write_text(
        "@import 'https://example.org/font.css'; b { background: url(c.png) }"
    )
    assert links.loaded_from_elsewhere(site, links.read(site)) == [
        "a.html: //cdn.example.org/x.js",
        "style.css: https://example.org/font.css",
    ]
    assert links.external(links.read(site)) == {"https://example.org": ["a.html"]}


def test_links_of_notebooks_lead_to_pages_or_to_github():
    pages = docs.gather(ROOT)
    here = pages["nbs/01_model.ipynb"]
    assert docs.resolve(here, pages, "02_anatomy.ipynb") == "02_anatomy.html"
    assert (
        docs.resolve(here, pages, "02_anatomy.ipynb#What-to-remember")
        == docs.resolve(here, pages, "02_anatomy.ipynb#what-to-remember")
        == "02_anatomy.html#what-to-remember"
    )
    assert docs.resolve(here, pages, "../results") == f"{docs.GITHUB}/tree/main/results"
    assert docs.resolve(here, pages, "../LICENSE") == f"{docs.GITHUB}/blob/main/LICENSE"
    assert docs.resolve(here, pages, "nowhere.ipynb") == "nowhere.ipynb"


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
    (tmp_path / "letter.txt").write_text("keep me")
    assert docs.main(["--out", str(tmp_path)]) == 1
    assert (
        "something else" in capsys.readouterr().err
        and (tmp_path / "letter.txt").read_text() == "keep me"
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
