"""Build the site from the notebooks as they are saved, and from the package: `python tools/docs.py [--out _site] [--links]`.

Nothing is executed. A warning, a link that leads nowhere or anything loaded from elsewhere is an error. `--links` also asks
every address outside the site whether it answers.
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

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))
import links  # noqa: E402
import reference  # noqa: E402
from readme import alt_text  # noqa: E402

GITHUB = "https://github.com/piygr/s6erav3"
NEEDED = {"sphinx": "sphinx", "myst_nb": "myst-nb", "sphinx_book_theme": "sphinx-book-theme"}
TEXTS = {
    "TEACHING.md": "For teachers",
    "CONTRIBUTING.md": "Contributing",
    "CHANGELOG.md": "Changelog",
}
CURIOUS = "(for the curious)"
BADGE = re.compile(r"\[!\[[^\]]*\]\(https://colab[^)]*\)\]\(https://colab[^)]*\)\n*")
LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
CODE = re.compile(r"(^```.*?^```|`+[^`\n]+`+)", re.M | re.S)
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.M)


class Notebook:
    "A notebook of the repository and the page that is made of it."

    def __init__(self, path: Path, root: Path):
        self.path, self.root = path, root
        self.place = path.relative_to(root).as_posix()
        self.page = self.place.removeprefix("nbs/").removesuffix(".ipynb")
        self.cells = nbformat.read(path, as_version=4).cells
        self.texts = [
            BADGE.sub("", cell.source) for cell in self.cells if cell.cell_type == "markdown"
        ]
        self.title = plain(HEADING.search(self.texts[0])[1])
        targets = [
            found[1]
            for cell in self.cells
            if (found := re.search(r"^#\| default_exp (\S+)", cell.source, re.M))
        ]
        self.module = "s6erav3." + targets[0] if targets and targets[0] != "__init__" else "s6erav3"

    def anchor(self, wanted: str) -> str:
        "The place in the page that is meant by the anchor of a link, as GitHub, JupyterLab or Sphinx may write it."
        from docutils.nodes import make_id

        titles = [
            plain(title)
            for text in self.texts
            for title in HEADING.findall(CODE.sub("", text) if "```" in text else text)
        ]
        places = {slug(title): make_id(title) for title in titles}
        return places.get(slug(wanted.replace("-", " ")), wanted)


def plain(text: str) -> str:
    "Text without the marks of Markdown."
    return re.sub(r"[`*$]", "", re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)).strip()


def slug(text: str) -> str:
    "What is left of a title in any anchor that is made of it."
    return re.sub(r"[\W_]+", "", text).lower()


def directives(source: str) -> list[str]:
    "The directives of a cell."
    return [
        line.removeprefix("#|").strip() for line in source.splitlines() if line.startswith("#|")
    ]


def outside_code(change, text: str) -> str:
    "`text` with all of it changed that is not code."
    return "".join(part if i % 2 else change(part) for i, part in enumerate(CODE.split(text)))


def resolve(notebook: Notebook, pages: dict[str, Notebook], link: str) -> str:
    "A link of a notebook as it is in the site: to a page of it, or to GitHub for what the site does not hold."
    if links.is_outside(link):
        return link
    path, _, anchor = link.partition("#")
    target = (
        normpath(f"{Path(notebook.place).parent.as_posix()}/{path}") if path else notebook.place
    )
    if target in pages:
        page = (
            relpath(f"{pages[target].page}.html", Path(notebook.page).parent.as_posix())
            if path
            else ""
        )
        return page + (f"#{pages[target].anchor(anchor)}" if anchor else "")
    if target.startswith("..") or not (notebook.root / target).exists():
        return link  # the check of links will name it
    return f"{GITHUB}/{'tree' if (notebook.root / target).is_dir() else 'blob'}/main/{target}" + (
        f"#{anchor}" if anchor else ""
    )


def rewritten(text: str, page, pages: dict) -> str:
    "The text of a page with its links as they are in the site, and without badges."
    return outside_code(
        lambda part: LINK.sub(lambda found: resolve(page, pages, found[1]), part),
        BADGE.sub("", text),
    )


def described(cells, i: int) -> str:
    "A figure in words: as its cell's directive says, or else its section, and the first whole sentence of the text under it, or above it."
    if said := alt_text(cells[i].source):
        return said
    above = [cell.source for cell in cells[i::-1] if cell.cell_type == "markdown"]
    section = next(
        plain(titles[-1]) for text in above if (titles := HEADING.findall(CODE.sub("", text)))
    )
    for text in [*(cell.source for cell in cells[i + 1 :] if cell.cell_type == "markdown")][
        :1
    ] + above:
        lines = [
            plain(line)
            for line in text.splitlines()
            if line.strip() and not re.match(r"[#>|`\[!<-]|\d\.", line)
        ]
        whole = [
            sentence
            for line in lines
            for sentence in re.split(r"(?<=[.?]) ", line)
            if sentence.endswith(".")
        ]
        if whole:
            return f"{section}{'' if section.endswith('?') else ':'} {whole[0]}".replace('"', "'")
    return section


def exported(cell) -> list[str]:
    "The names that a cell gives to the package."
    if not any(line.split()[0] == "export" for line in directives(cell.source) if line):
        return []
    return [name for name, _ in reference.definitions(ast.parse(cell.source).body)]


def prepare_code(cell, cells, i: int, rewrite):
    "A cell of code as it is shown; None where it is not."
    said = directives(cell.source)
    if "hide" in said:
        return None
    cell.source = re.sub(r"^#\|.*\n?", "", cell.source, flags=re.M).strip("\n")
    if not cell.source:
        return None
    cell.metadata = {"mystnb": {"image": {"alt": described(cells, i)}}}
    if "echo: false" in said:
        cell.metadata["tags"] = ["remove-input"]
    for output in cell.outputs:
        data = output.get("data", {})
        if "text/html" in data:
            data["text/html"] = re.sub(
                r"<style scoped>.*?</style>\s*", "", data["text/html"], flags=re.S
            )
        if "text/markdown" in data:
            data["text/markdown"] = rewrite(data["text/markdown"])
    return cell


def prepare(notebook: Notebook, pages: dict, more="") -> dict:
    "A notebook as its page is made of, with places to link to where it exports something, and `more` at its end."

    def rewrite(text):
        return rewritten(text, notebook, pages)

    shown = []
    for i, cell in enumerate(notebook.cells):
        names = exported(cell) if cell.cell_type == "code" else []
        places = "".join(f'<span id="{notebook.module}.{name}"></span>' for name in names)
        if cell.cell_type == "markdown":
            cell.source = rewrite(cell.source)
        else:
            cell = prepare_code(cell, notebook.cells, i, rewrite)
        if cell is None:
            continue
        if places:
            shown.append(nbformat.v4.new_markdown_cell(places))
        shown.append(cell)
    if more:
        shown.append(nbformat.v4.new_markdown_cell(more))
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python", "pygments_lexer": "ipython3"},
    }
    return nbformat.v4.new_notebook(cells=shown, metadata=metadata)


def toctree(entries, caption="") -> str:
    "A table of contents for the sidebar, of titles and pages."
    lines = [
        "```{toctree}",
        ":hidden:",
        *([f":caption: {caption}"] if caption else []),
        "",
        *(f"{title} <{page}>" for title, page in entries),
        "```",
    ]
    return "\n".join(lines)


def shelves(pages: dict[str, Notebook]) -> tuple[list, dict[str, list]]:
    "The notebooks as the README's table lists them, title and page; those for the curious under the one that they go with."
    rows = re.findall(
        r"^\| \[([^\]]+)\]\((\w+)\.ipynb\) \|(.*)$", "\n".join(pages["nbs/index.ipynb"].texts), re.M
    )
    listed = {page: (title, CURIOUS in rest) for title, page, rest in rows}
    others = [
        notebook
        for notebook in pages.values()
        if "/" not in notebook.page and notebook.page not in (*listed, "index", "glossary")
    ]
    main, under = [], {}
    for page, (title, curious) in listed.items():
        if curious and main:
            under.setdefault(main[-1][1], []).append((title.split(" ", 1)[1], page))
        else:
            main.append((title, page))
    for notebook in others:
        parent = next(
            (page for _, page in main if page.split("_")[0] == notebook.page.split("_")[0]), None
        )
        if parent:
            under.setdefault(parent, []).append((notebook.title, notebook.page))
        else:
            main.append((notebook.title, notebook.page))
    return main, under


def contents(pages: dict[str, Notebook], main: list, under: dict) -> str:
    "The tables of contents of the first page; exercises in the order of the notebooks."
    order = [
        f"exercises/{page}"
        for _, parent in main
        for page in (parent, *(page for _, page in under.get(parent, ())))
    ]
    found = [notebook for notebook in pages.values() if notebook.page.startswith("exercises/")]
    exercises = [
        (notebook.title.removeprefix("Exercises: "), notebook.page)
        for notebook in sorted(found, key=lambda notebook: order.index(notebook.page))
    ]
    more = [("Glossary", "glossary")] if "nbs/glossary.ipynb" in pages else []
    texts = [(title, Path(name).stem.lower()) for name, title in TEXTS.items()]
    return "\n\n".join(
        [
            toctree(main, "Notebooks"),
            *([toctree(exercises, "Exercises")] if exercises else []),
            toctree([*more, ("Reference", "api/index")], "To look up"),
            toctree(texts, "About"),
        ]
    )


def gather(root: Path) -> dict[str, Notebook]:
    "The notebooks that are in the site, by their path in the repository; solutions are not."
    paths = [*sorted((root / "nbs").glob("*.ipynb")), *sorted((root / "exercises").glob("*.ipynb"))]
    return {notebook.place: notebook for notebook in (Notebook(path, root) for path in paths)}


def write_sources(root: Path, folder: Path):
    "Write what Sphinx reads: a notebook for each page, and the pages of the reference."
    pages = gather(root)
    main, under = shelves(pages)
    made = {
        f"{notebook.module}.{name}": (
            notebook.title,
            f"{notebook.page}.html#{notebook.module}.{name}",
        )
        for notebook in pages.values()
        for cell in notebook.cells
        if cell.cell_type == "code"
        for name in exported(cell)
    }
    for notebook in pages.values():
        more = (
            contents(pages, main, under)
            if notebook.page == "index"
            else toctree(under[notebook.page])
            if notebook.page in under
            else ""
        )
        path = folder / f"{notebook.page}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(prepare(notebook, pages, more), path)
    for name in TEXTS:
        text = SimpleNamespace(place=name, page=Path(name).stem.lower(), root=root)
        (folder / f"{text.page}.md").write_text(
            rewritten((root / name).read_text(encoding="utf-8"), text, pages), encoding="utf-8"
        )
    found = reference.modules(root)
    homes = {
        name: f"s6erav3.{module}"
        for name, module in ast.literal_eval(found[0].nodes["_public"].value).items()
    }
    (folder / "api").mkdir()
    (folder / "api" / "index.md").write_text(reference.overview(found, homes), encoding="utf-8")
    for module in found[1:]:
        (folder / "api" / f"{module.name}.md").write_text(
            reference.page(module, made), encoding="utf-8"
        )


def build(out: Path, root=ROOT) -> list[str]:
    "Build the site in `out`, which must be empty; what is wrong with it."
    from sphinx.cmd.build import main as sphinx_build

    with tempfile.TemporaryDirectory() as work:
        sources = Path(work) / "sources"
        write_sources(root, sources)
        if sphinx_build(
            [
                "-b",
                "html",
                "-W",
                "--keep-going",
                "-q",
                "-c",
                str(DOCS),
                "-d",
                f"{work}/doctrees",
                str(sources),
                f"{work}/site",
            ]
        ):
            return ["Sphinx warns of something (see above)"]
        shutil.copytree(
            f"{work}/site", out, dirs_exist_ok=True
        )  # myst-nb leaves a folder beside what it builds
    pages = links.read(out)
    return links.broken(out, pages) + [
        f"{said} is loaded from elsewhere" for said in links.loaded_from_elsewhere(out, pages)
    ]


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


def main(arguments=None) -> int:
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
    missing = [name for module, name in NEEDED.items() if find_spec(module) is None]
    if missing:
        print(
            f"Error: {', '.join(missing)} missing; install them with: pip install -c constraints.txt -e '.[dev,docs]'",
            file=sys.stderr,
        )
        return 1
    if given.out.exists() and any(given.out.iterdir()) and not (given.out / ".buildinfo").is_file():
        print(
            f"Error: {given.out} holds something else than a site; name another folder with --out",
            file=sys.stderr,
        )
        return 1
    shutil.rmtree(given.out, ignore_errors=True)
    wrong = build(given.out) or (ask_outside(given.out) if given.links else [])
    for said in wrong:
        print(f"Error: {said}", file=sys.stderr)
    if not wrong:
        print(f"{given.out / 'index.html'}: {len(links.read(given.out))} pages")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
