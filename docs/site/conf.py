"""Sphinx's settings of the site; ``make docs`` builds it from the root of the repository.

Pages are the Markdown files that the repository shows too. What the package itself knows (commands,
settings, docstrings) is written into ``docs/generated`` at the start of every build.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2]))

import semivideo

project = "SemiVideo"
author = "The SemiVideo developers"
copyright = author
version = release = semivideo.__version__

extensions = [
    "myst_parser",
    "sphinx_external_toc",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "site_checks",
    "site_mathematics",
    "site_reference",
]
external_toc_path = "docs/contents.yml"
external_toc_exclude_missing = False
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
include_patterns = ["*.md", "docs/**"]
exclude_patterns = ["build", "dist", "demo", "runs", ".*", "*.egg-info", "docs/site"]
exclude_patterns += ["tests", "semivideo", "evidence", "benchmarks", "node_modules"]
nitpicky = False  # types of torch and NumPy are described elsewhere

myst_enable_extensions = ["dollarmath", "strikethrough"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4
smartquotes = False  # --option stays what one types
# Names in docstrings that several classes have link to none of them.
suppress_warnings = ["myst.strikethrough", "ref.python"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "SemiVideo"
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_search_summary = False  # a page read from disk may not fetch others
html_additional_pages = {"index": "to_the_first_page.html"}
templates_path = ["templates"]
html_static_path = ["static"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "github-dark"
