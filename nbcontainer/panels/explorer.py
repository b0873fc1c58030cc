"""The layer explorer: an image's stack in a page, what each layer does to the files, and what is wasted.

It is given the document that `layers IMAGE` makes:

    {"Image": id, "Efficiency": 0.98, "WastedBytes": n, "Wasted": [{"path", "size_bytes", "times"}, …],
     "Layers": [{"Number", "ID", "CreatedBy", "SizeBytes", "KeptBytes", "Added", "Changed", "Removed",
                 "Tree": [{"path", "kind", "size_bytes"}, …]}, …]}     lowest first; Tree may be missing

A still thing: it follows nothing and asks for nothing.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import anywidget
from traitlets import Dict, Unicode

_STATIC = pathlib.Path(__file__).parent / "static"


class LayerExplorer(anywidget.AnyWidget):
    """A stack of layers, the topmost first, and a tree of paths beside it."""

    MIME = "application/vnd.jupyter.widget-view+json"
    _esm = _STATIC / "explorer.js"
    _css = _STATIC / "explorer.css"

    title = Unicode("").tag(sync=True)
    document = Dict().tag(sync=True)

    def __init__(self, title: str, document: Mapping[str, Any]) -> None:
        super().__init__(title=title, document=dict(document))

    def __repr__(self) -> str:
        return f"<layers of {self.title}>"

    def view(self) -> dict[str, Any]:
        """Return what stands under MIME in an output."""
        return {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
