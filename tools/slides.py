"""Make slides of the course pages: `python tools/slides.py [--out _slides] [--serve PORT]`.

Each heading begins a slide to the right; each further text begins one below it, with the code and
the figures that follow; of a collapsed cell only its outputs. Nothing is executed, and the slides
need no other host.
"""

import argparse
import functools
import re
import shutil
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import nbformat

import docs
import pages

ROOT = pages.ROOT
REVEAL = "reveal.js"
REVEAL_FILES = (  # of which the other themes load fonts from elsewhere
    "LICENSE",
    "dist/reveal.js",
    "dist/reveal.css",
    "dist/theme/white.css",
    "dist/theme/fonts/source-sans-pro",
)
WITHOUT_CODE = "remove-input"  # the tag of a cell of which only the outputs are shown
FORMULA = re.compile(r"(?<![\\$])(\$\$?)(?=\S)(.+?)(?<=\S)\1(?!\$)", re.S)
INDEX = """\
<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>Slides of the course</title>
<style>body {{ font: 20px/1.6 sans-serif; max-width: 40em; margin: 2em auto }}</style>
<h1>Slides of the course</h1>
<p>Arrow keys turn the pages, Esc shows them all, F fills the screen.</p>
<ul>{items}</ul></html>
"""


def with_mathml(text: str) -> str:
    "A text with its formulas as MathML, which browsers show without a script."
    from docutils.utils.math.latex2mathml import tex2mathml

    def formula(found):
        "A formula between dollar signs."
        return tex2mathml(found[2], as_block=found[1] == "$$")

    return docs.outside_code(lambda part: FORMULA.sub(formula, part), text)


def begins_slide(cell) -> str:
    "What kind of slide a cell begins, as nbconvert names it: a `-` goes on with the one before."
    if cell.cell_type != "markdown":
        return "-"
    return "slide" if cell.source.startswith(("# ", "## ")) else "subslide"


def prepare(notebook: docs.Notebook) -> nbformat.NotebookNode:
    "The cells that the slides show, each with the kind of slide that it begins."

    def rewrite(text):
        "A text with its links as they are outside the repository."
        return docs.rewritten(text, notebook, {})

    shown = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            collapsed = cell.metadata.get("jupyter", {}).get("source_hidden", False)
            words = pages.alt_text(cell.source)
            if docs.prepare_code(cell, rewrite) is None or (collapsed and not cell.outputs):
                continue
            cell.metadata = {"alt": words}
            if collapsed:
                cell.metadata["tags"] = [WITHOUT_CODE]
            shown.append(cell)
            continue
        for part in re.split(r"\n+(?=## )", cell.source):
            shown.append(nbformat.v4.new_markdown_cell(with_mathml(rewrite(part))))
    for cell in shown:
        cell.metadata["slideshow"] = {"slide_type": begins_slide(cell)}
    return nbformat.v4.new_notebook(cells=shown, metadata={"title": notebook.title})


def render(notebook: docs.Notebook) -> str:
    "The slides of a page as HTML."
    from nbconvert import SlidesExporter
    from traitlets.config import Config

    removal = {"enabled": True, "remove_input_tags": {WITHOUT_CODE}}
    exporter = SlidesExporter(
        template_name="slides",
        extra_template_basedirs=[str(docs.DOCS)],
        reveal_url_prefix=REVEAL,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        config=Config({"TagRemovePreprocessor": removal}),
    )
    return exporter.from_notebook_node(prepare(notebook))[0]


def build(out: Path, root: Path = ROOT) -> list[str]:
    "Write the slides of each course page and a list of them into `out`; the names of the pages."
    import sphinx_revealjs

    static = Path(sphinx_revealjs.__file__).parent / "_static" / "revealjs"
    for name in REVEAL_FILES:
        source = static / name
        target = out / REVEAL / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)
    items = []
    for path in pages.course(root):
        notebook = docs.Notebook(path, root)
        (out / f"{path.stem}.html").write_text(render(notebook), encoding="utf-8")
        items.append(f'<li><a href="{path.stem}.html">{notebook.title}</a></li>')
    (out / "index.html").write_text(INDEX.format(items="".join(items)), encoding="utf-8")
    return [path.stem for path in pages.course(root)]


def serve(folder: Path, port: int) -> None:
    "Serve a folder on this machine until Ctrl-C."
    handler = functools.partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}/ (Ctrl-C ends)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def main(arguments: list[str] | None = None) -> int:
    "Build the slides, and serve them if asked to; the exit status."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "_slides", help="folder for the slides")
    parser.add_argument("--serve", type=int, metavar="PORT", help="serve them; 0: any free port")
    given = parser.parse_args(arguments)
    if find_spec("sphinx_revealjs") is None:
        message = "install with: pip install -c constraints.txt -e '.[dev,docs]'"
        print(f"Error: sphinx-revealjs missing; {message}", file=sys.stderr)
        return 1
    try:
        names = build(given.out)
        print(f"slides of {len(names)} pages: open {given.out / 'index.html'}")
        if given.serve is not None:
            serve(given.out, given.serve)
    except (OSError, OverflowError) as error:  # a file in the way, a port in use or out of range
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
