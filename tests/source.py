"""The package's source as the architecture tests see it: modules, what they import, what they call."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "nbcontainer"


@dataclass(frozen=True)
class Module:
    """One source file; `name` is relative to the package: "store.blobs", "" for the package itself."""

    path: Path

    @property
    def name(self) -> str:
        parts = self.path.relative_to(PACKAGE).with_suffix("").parts
        return ".".join(part for part in parts if part != "__init__")

    @property
    def unit(self) -> str:
        """The first part of the name: what the table of layers speaks of."""
        return self.name.partition(".")[0]

    @property
    def shown(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    def imports(self) -> Iterator[tuple[str, int]]:
        """Yield (absolute module name, line), those inside functions and type checks included."""
        package = ["nbcontainer", *self.path.relative_to(PACKAGE).parent.parts]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield alias.name, node.lineno
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                stem = ".".join([*base, *([node.module] if node.module else [])])
                for alias in node.names:
                    yield f"{stem}.{alias.name}", node.lineno
            elif text := _dynamic(node):
                name = ".".join(package) + text if text.startswith(".") else text
                yield name, node.lineno  # type: ignore[attr-defined]

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


def _dynamic(node: ast.AST) -> str | None:
    """Return the name in import_module("name") and __import__("name")."""
    if not isinstance(node, ast.Call) or not node.args:
        return None
    called = (
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    )
    first = node.args[0]
    if called in ("import_module", "__import__") and isinstance(first, ast.Constant):
        return str(first.value)
    return None


def modules() -> list[Module]:
    """Return every module of the package, sorted by path."""
    return [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]
