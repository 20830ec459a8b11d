"""Build the site from notebooks and package: `python tools/docs.py [--out _site] [--links]`.

Nothing is executed. A warning, a link that leads nowhere or anything loaded from elsewhere is an
error. `--links` also asks every address outside the site whether it answers.
"""

import argparse
import ast
import re
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from posixpath import normpath, relpath
from types import SimpleNamespace

import nbformat

import front_page
import pages

ROOT = pages.ROOT
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))
import explore  # noqa: E402
import links  # noqa: E402
import reference  # noqa: E402

GITHUB = "https://github.com/piygr/s6erav3"
SITE = "https://piygr.github.io/s6erav3/"
CANVAS = "A canvas for a digit"  # the text of its output
PICTURE = "docs/explore/page.png"  # of the explorable page
NEEDED = {"sphinx": "sphinx", "myst_nb": "myst-nb", "sphinx_book_theme": "sphinx-book-theme"}
TEXTS = {
    "INSTALL.md": "Installation",
    "CONTENTS.md": "Contents",
    "TEACHING.md": "For teachers",
    "CONTRIBUTING.md": "Contributing",
    "CHANGELOG.md": "Changelog",
}
CAPTIONS = {"": "Course", "advanced": "Advanced", "internals": "Internals"}  # of nbs/'s folders
BADGE = re.compile(r"\[!\[[^\]]*\]\(https://colab[^)]*\)\]\(https://colab[^)]*\)\n*")
LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
CODE = re.compile(r"(^```.*?^```|`+[^`\n]+`+)", re.M | re.S)
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.M)
MAP_ROW = re.compile(r"^\| \[([^\]]+)\]\(nbs/([\w/]+)\.ipynb\) \|", re.M)


class Notebook:
    "A notebook of the repository and the page that is made of it."

    def __init__(self, path: Path, root: Path):
        self.path, self.root = path, root
        self.place = pages.place(path, root)
        self.page = self.place.removeprefix("nbs/").removesuffix(".ipynb")
        self.cells = nbformat.read(path, as_version=4).cells
        self.texts = [
            BADGE.sub("", cell.source) for cell in self.cells if cell.cell_type == "markdown"
        ]
        self.title = plain(HEADING.search(self.texts[0])[1])
        said = [pages.directives(cell.source).get("default_exp") for cell in self.cells]
        module = next(filter(None, said), "__init__")
        self.module = "s6erav3" if module == "__init__" else f"s6erav3.{module}"

    def anchor(self, wanted: str) -> str:
        "The place in the page that a link means, as GitHub, JupyterLab or Sphinx may write it."
        from docutils.nodes import make_id

        titles = []
        for text in self.texts:
            shown = CODE.sub("", text) if "```" in text else text
            titles += [plain(title) for title in HEADING.findall(shown)]
        places = {slug(title): make_id(title) for title in titles}
        return places.get(slug(wanted.replace("-", " ")), wanted)


def plain(text: str) -> str:
    "Text without the marks of Markdown."
    return re.sub(r"[`*$]", "", re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)).strip()


def slug(text: str) -> str:
    "What is left of a title in any anchor that is made of it."
    return re.sub(r"[\W_]+", "", text).lower()


def outside_code(change, text: str) -> str:
    "`text` with all of it changed that is not code."
    parts = CODE.split(text)
    parts[::2] = [change(part) for part in parts[::2]]
    return "".join(parts)


def resolve(notebook, found: dict[str, Notebook], link: str) -> str:
    "A link as it is in the site: to a page of it, or to GitHub for what the site does not hold."
    path, _, anchor = link.partition("#")
    folder = Path(notebook.page).parent.as_posix()
    if link.startswith(SITE):
        return relpath(link.removeprefix(SITE), folder)
    here = Path(notebook.place).parent.as_posix()
    target = normpath(f"{here}/{path}") if path else notebook.place
    if links.is_outside(link) or target.startswith("..") or not (notebook.root / target).exists():
        return link  # where it leads nowhere, the check of links will name it
    if target == PICTURE:
        return relpath(f"explore/{Path(PICTURE).name}", folder)
    if target not in found:
        kind = "tree" if (notebook.root / target).is_dir() else "blob"
        return f"{GITHUB}/{kind}/main/{link_with(target, anchor)}"
    page = relpath(f"{found[target].page}.html", folder)
    return link_with(page if path else "", anchor and found[target].anchor(anchor))


def link_with(path: str, anchor: str) -> str:
    "A link to a place in a page."
    return f"{path}#{anchor}" if anchor else path


def rewritten(text: str, page, found: dict) -> str:
    "The text of a page with its links as they are in the site, and without badges."

    def point(part):
        "Rewrite the links of a part."
        return LINK.sub(lambda link: resolve(page, found, link[1]), part)

    return outside_code(point, BADGE.sub("", text))


def exported(cell) -> list[str]:
    "The names that a cell gives to the package."
    if cell.cell_type != "code" or "export" not in pages.directives(cell.source):
        return []
    return [name for name, _ in reference.definitions(ast.parse(cell.source).body)]


def prepare_outputs(cell, rewrite, words: str) -> None:
    """Leave the styles of tables to the site's, and point links to where they lead in the site.

    A drawing canvas, of which a picture is saved that `words` describe, becomes one to draw on.
    """
    for output in cell.outputs:
        data = output.get("data", {})
        if data.get("text/plain") == CANVAS:
            data["text/html"] = explore.canvas_html(data.pop("image/png"), words)
        if "text/html" in data:
            style = re.compile(r"<style scoped>.*?</style>\s*", re.S)
            data["text/html"] = style.sub("", data["text/html"])
        if "text/markdown" in data:
            data["text/markdown"] = rewrite(data["text/markdown"])


def prepare_code(cell, rewrite):
    "A cell of code as it is shown, collapsed where JupyterLab collapses it; None where it is not."
    said = pages.directives(cell.source)
    collapsed = cell.metadata.get("jupyter", {}).get("source_hidden", False)
    words = pages.alt_text(cell.source)
    cell.source = pages.without_directives(cell.source)
    if "hide" in said or not cell.source:
        return None
    cell.metadata = {"mystnb": {"image": {"alt": words}}} if words else {}
    if said.get("echo:") == "false":
        cell.metadata["tags"] = ["remove-input"]
    elif collapsed:
        cell.metadata["tags"] = ["hide-input"]
    prepare_outputs(cell, rewrite, words)
    return cell


def launch(notebook: Notebook) -> str:
    "The buttons that open a notebook where it can be run; the first page has more of them."
    colab = GITHUB.replace("github.com", "colab.research.google.com/github")
    buttons = {"Open in Colab": f"{colab}/blob/main/{notebook.place}"}
    if notebook.page == "index":
        first = min(pages.course(notebook.root)).stem
        codespaces = GITHUB.replace("github.com", "codespaces.new")
        buttons = {"Start the course": f"{first}.html", **buttons}
        if (notebook.root / "docs" / "explore" / "index.html").is_file():
            buttons = {"Look inside the network": "explore/index.html", **buttons}
        buttons |= {"Open in Codespaces": codespaces, "Source on GitHub": GITHUB}
    shown = [f'<a href="{address}">{words}</a>' for words, address in buttons.items()]
    return f'<p class="launch">{" ".join(shown)}</p>\n\n'


def prepare(notebook: Notebook, found: dict, more: str = ""):
    "What the page of a notebook is made of, with `more` at its end, and a place for each export."

    def rewrite(text):
        "A text with its links as they are in the site."
        return rewritten(text, notebook, found)

    shown = []
    cells = notebook.cells
    if notebook.page == "index":
        cells = front_page.arrange(cells, notebook.root)
    for cell in cells:
        places = [f'<span id="{notebook.module}.{name}"></span>' for name in exported(cell)]
        if cell.cell_type == "markdown":
            cell.source = rewrite(BADGE.sub(launch(notebook), cell.source))
        elif prepare_code(cell, rewrite) is None:
            continue
        if places:
            shown.append(nbformat.v4.new_markdown_cell("".join(places)))
        shown.append(cell)
    if more:
        shown.append(nbformat.v4.new_markdown_cell(more))
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python", "pygments_lexer": "ipython3"},
    }
    return nbformat.v4.new_notebook(cells=shown, metadata=metadata)


def toctree(caption: str, entries: list[tuple[str, str]]) -> str:
    "A table of contents for the sidebar, of titles and pages; nothing if there are none."
    if not entries:
        return ""
    lines = [f"{title} <{page}>" for title, page in entries]
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *lines, "```"])


def shelves(found: dict[str, Notebook], root: Path) -> dict[str, list[tuple[str, str]]]:
    "Title and page of the lessons, by caption, in the order of CONTENTS.md."
    listed = MAP_ROW.findall((root / "CONTENTS.md").read_text(encoding="utf-8"))
    known = {page for _, page in listed} | {"index", "glossary"}
    others = [
        (notebook.title, notebook.page)
        for notebook in found.values()
        if notebook.place.startswith("nbs/") and notebook.page not in known
    ]
    on_shelf: dict[str, list[tuple[str, str]]] = {caption: [] for caption in CAPTIONS.values()}
    for title, page in [*listed, *others]:
        folder, _, _ = page.rpartition("/")
        on_shelf[CAPTIONS[folder]].append((title, page))
    return on_shelf


def exercise_entries(found: dict, lessons: list[tuple[str, str]]) -> list[tuple[str, str]]:
    "Title and page of the exercises, in the order of the lessons."
    ranks = {Path(page).name: rank for rank, (_, page) in enumerate(lessons)}
    entries = [
        (notebook.title.removeprefix("Exercises: "), notebook.page)
        for notebook in found.values()
        if notebook.place.startswith("exercises/")
    ]
    return sorted(entries, key=lambda entry: ranks.get(Path(entry[1]).name, len(ranks)))


def contents(found: dict[str, Notebook], root: Path) -> str:
    "The tables of contents of the first page."
    on_shelf = shelves(found, root)
    lessons = sum(on_shelf.values(), [])
    look_up = [("Reference", "api/index")]
    if "nbs/glossary.ipynb" in found:
        look_up.insert(0, ("Glossary", "glossary"))
    captions = {
        **on_shelf,
        "Exercises": exercise_entries(found, lessons),
        "To look up": look_up,
        "About": [(title, Path(name).stem.lower()) for name, title in TEXTS.items()],
    }
    return "\n\n".join(toctree(caption, entries) for caption, entries in captions.items())


def gather(root: Path) -> dict[str, Notebook]:
    "The notebooks that are in the site, by their path in the repository; solutions are not."
    paths = [*pages.notebooks(root), *pages.exercises(root)]
    found = [Notebook(path, root) for path in paths]
    return {notebook.place: notebook for notebook in found}


def where_made(found: dict[str, Notebook]) -> dict[str, tuple[str, str]]:
    "Title and address of the page that makes each exported name, by its full name."
    made = {}
    for notebook in found.values():
        for cell in notebook.cells:
            for name in exported(cell):
                full = f"{notebook.module}.{name}"
                made[full] = (notebook.title, f"{notebook.page}.html#{full}")
    return made


def write_reference(root: Path, folder: Path, made: dict[str, tuple[str, str]]) -> None:
    "Write the pages of the reference."
    package, *modules = reference.modules(root)
    public = ast.literal_eval(package.nodes["_MODULES"].value)
    homes = {name: f"s6erav3.{module}" for name, module in public.items()}
    folder.mkdir(parents=True)
    overview = reference.overview([package, *modules], homes)
    (folder / "index.md").write_text(overview, encoding="utf-8")
    for module in modules:
        text = reference.page(module, made)
        (folder / f"{module.name}.md").write_text(text, encoding="utf-8")


def write_sources(root: Path, folder: Path) -> None:
    "Write what Sphinx reads: a notebook for each page, the texts, and the pages of the reference."
    found = gather(root)
    tables, made = contents(found, root), where_made(found)
    for notebook in found.values():
        path = folder / f"{notebook.page}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        more = tables if notebook.page == "index" else ""
        nbformat.write(prepare(notebook, found, more), path)
    for name in TEXTS:
        page = SimpleNamespace(place=name, page=Path(name).stem.lower(), root=root)
        text = rewritten((root / name).read_text(encoding="utf-8"), page, found)
        (folder / f"{page.page}.md").write_text(text, encoding="utf-8")
    write_reference(root, folder / "api", made)
    (folder / "explore").mkdir()
    shutil.copy(root / PICTURE, folder / "explore")


def build(out: Path, root: Path = ROOT) -> list[str]:
    "Build the site in `out`, which must be empty; what is wrong with it."
    from sphinx.cmd.build import main as sphinx_build

    with tempfile.TemporaryDirectory() as work:
        sources, site = f"{work}/sources", f"{work}/site"
        write_sources(root, Path(sources))
        options = ["-b", "html", "-W", "--keep-going", "-q", "-c", str(DOCS)]
        if sphinx_build([*options, "-d", f"{work}/doctrees", sources, site]):
            return ["Sphinx warns of something (see above)"]
        shutil.copytree(site, out, dirs_exist_ok=True)  # myst-nb leaves a folder beside the site
    explore.write(out / "explore")
    read = links.read(out)
    loaded = links.loaded_from_elsewhere(out, read)
    return links.broken(out, read) + [f"{said} is loaded from elsewhere" for said in loaded]


def ask_outside(out: Path) -> list[str]:
    "Print what every address outside the site answers; those that do not answer well."
    found = links.external(links.read(out))
    said = links.answers(found)
    for address, status in said.items():
        print(f"{status:>4}  {address}  ({', '.join(found[address])})")
    return [
        f"{address} answers {status}"
        for address, status in said.items()
        if not status.startswith("2")
    ]


def reason_not_to_build(out: Path) -> str:
    "Why the site cannot be built in `out`; nothing if it can."
    missing = [name for module, name in NEEDED.items() if find_spec(module) is None]
    if missing:
        names = ", ".join(missing)
        return f'{names} missing; install with: pip install -c constraints.txt -e ".[dev,docs]"'
    if out.exists() and any(out.iterdir()) and not (out / ".buildinfo").is_file():
        return f"{out} holds something else than a site; name another folder with --out"
    return ""


def main(arguments: list[str] | None = None) -> int:
    "Build the site and check it; the exit status."
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "_site",
        help="folder for the site; what an earlier call left there is replaced",
    )
    parser.add_argument(
        "--links", action="store_true", help="ask the addresses outside the site too"
    )
    given = parser.parse_args(arguments)
    wrong = [reason] if (reason := reason_not_to_build(given.out)) else []
    if not wrong:
        shutil.rmtree(given.out, ignore_errors=True)
        wrong = build(given.out)
    if not wrong and given.links:
        wrong = ask_outside(given.out)
    for said in wrong:
        print(f"Error: {said}", file=sys.stderr)
    if not wrong:
        print(f"{given.out / 'index.html'}: {len(links.read(given.out))} pages")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
