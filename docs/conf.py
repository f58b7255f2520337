"""How `make docs` builds the pages: from the Markdown files of the whole checkout, which stay where they are."""

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))

from api_pages import full_names, write_api_pages  # noqa: E402
from docstrings import to_rst  # noqa: E402
from model_cards import write_model_cards  # noqa: E402

import geolearn  # noqa: E402

write_api_pages(DOCS / "made" / "api")
write_model_cards(DOCS / "made" / "weights")

project, author, copyright = "geolearn", "The geolearn authors", "The geolearn authors"
version = release = geolearn.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
root_doc = "docs/index"
include_patterns = ["docs/**", "*.md", "datasets/*/README.md", "benchmarks/README.md", "benchmarks/results/*.md"]
exclude_patterns = ["README.md"]  # docs/index.md is the front page here
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}

myst_enable_extensions = ["html_image", "colon_fence"]
myst_heading_anchors = 3

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False  # the signature has them

html_theme = "pydata_sphinx_theme"
html_theme_options = {"header_links_before_dropdown": 8, "show_prev_next": False}
html_static_path, html_css_files = ["static"], ["pages.css"]
html_title = f"geolearn {release}"
templates_path = ["templates"]
html_additional_pages = {"index": "redirect.html"}
html_copy_source = False
html_show_sourcelink = False


def setup(app):
    links = full_names()

    def convert(app, what, name, obj, options, lines):
        plain = what == "data" and type(obj).__module__ == "builtins"  # its text is that of `dict` itself
        lines[:] = ["The names in it are on its page."] if plain else to_rst(lines, links)

    app.connect("autodoc-process-docstring", convert, priority=100)  # before napoleon, which reads the sections
