"""How Sphinx builds the site; `make docs` runs it over the pages that tools/docs.py prepares."""

import configparser
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

settings = configparser.ConfigParser(delimiters=["="])
settings.read(Path(__file__).resolve().parent.parent / "settings.ini", encoding="utf-8")
settings = settings["DEFAULT"]
LONGEST = 40  # characters of a formula in a line that any screen has room for
log = logging.getLogger(__name__)

project = html_title = settings["title"]
author = settings["author"]
copyright = settings["copyright"]  # noqa: A001  (Sphinx's name for it)
language = "en"
smartquotes = False  # as in the notebooks, where quotes are often those of a string
extensions = ["myst_nb"]

nb_execution_mode = "off"
nb_render_markdown_format = "myst"
nb_ipywidgets_js = {}
myst_enable_extensions = ["dollarmath"]
myst_dmath_double_inline = True
myst_all_links_external = True  # tools/docs.py writes them as they are in the site, and checks them
python_maximum_signature_line_length = 90
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/favicon.svg"
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
html_use_index = html_domain_indices = False
html_permalinks_icon = "#"
html_context = {"default_mode": "auto"}
html_theme_options = {
    "home_page_in_toc": True,
    "show_navbar_depth": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "navbar_start": [],
    "navbar_center": [],
    "navbar_end": [],
    "navbar_persistent": [],
    "footer_content_items": "copyright.html",
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def mathml(self, node, block=False):
    "A formula as MathML, which a browser draws without scripts or fonts of its own."
    try:
        formula = tex2mathml(node.astext(), as_block=block)
    except MathError as error:
        log.warning("the formula %r cannot be read: %s", node.astext(), error, location=node)
        formula = ""
    length = "wide" if len(node.astext()) > LONGEST else "short"
    kind = "block" if block else length
    self.body.append(
        f'<span class="formula {kind}">{formula}</span>'
    )  # no div, since a formula may stand alone within a paragraph
    raise nodes.SkipNode


def long_dashes(app, doctree):
    "Write the dash after a parameter as one; Sphinx writes two and leaves it to `smartquotes`."
    dashes = [
        text
        for field in doctree.findall(nodes.field)
        for text in field.findall(nodes.Text)
        if text == " -- "
    ]
    for text in dashes:
        text.parent.replace(text, nodes.Text(" – "))


def add_buttons(app, pagename, templatename, context, doctree):
    "The buttons of a page that is a notebook: open it in Colab, see it on GitHub."
    if pagename not in app.env.found_docs or Path(app.env.doc2path(pagename)).suffix != ".ipynb":
        return
    folder = "" if pagename.startswith("exercises/") else "nbs/"
    place = f"{settings['branch']}/{folder}{pagename}.ipynb"
    colab = settings["git_url"].replace(
        "https://github.com", "https://colab.research.google.com/github"
    )
    for name, icon, url in (
        ("Open in Colab", "fas fa-play", f"{colab}/blob/{place}"),
        ("See it on GitHub", "fab fa-github", f"{settings['git_url']}/blob/{place}"),
    ):
        context["header_buttons"].append(
            {
                "type": "link",
                "url": url,
                "tooltip": name,
                "icon": icon,
                "label": name.split()[-1].lower(),
            }
        )


def setup(app):
    app.add_html_math_renderer(
        "mathml", (mathml, None), (lambda self, node: mathml(self, node, block=True), None)
    )
    app.connect("doctree-read", long_dashes)
    app.connect("html-page-context", add_buttons, priority=502)
