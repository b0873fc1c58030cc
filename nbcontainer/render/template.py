"""Go templates over results: what --format does.

    format_table    "table TEMPLATE", "json" or TEMPLATE over the rows of a Table
    format_detail   TEMPLATE or "json" over the documents of a Detail
    format_stream   TEMPLATE or "json" over rows as they come

Errors are InvalidArgument in Docker's words ("template parsing error: template: :1: …").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..errors import InvalidArgument
from ..results import Column, Detail, Row, Table, Text
from ..under_way import Stream
from .template_functions import FUNCTIONS, HEADER_FUNCTIONS, is_true, show, to_json
from .template_parse import Node, SyntaxProblem, parse
from .text import escaped

_TYPES = {
    "container": "*formatter.ContainerContext",
    "image": "*formatter.imageContext",
    "volume": "*formatter.volumeContext",
    "history": "*formatter.historyContext",
    "diff": "*formatter.diffContext",
}
# objects whose keys are the user's: a key that is missing is no mistake of the template's
# Docker's documents leave these out where there are none, and a template may ask for them all the same
_NIL = frozenset(("Health", "Healthcheck"))
_FREE = frozenset(("Labels", "Options", "Ports", "ExposedPorts", "Volumes", "Sysctls", "Data"))
_MAX_OUTPUT = 16 * 1024 * 1024


class Template:
    """A parsed template; `render` may be called for many values.

    Raises: InvalidArgument if `text` is no template.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self.nodes = parse(text, frozenset(FUNCTIONS))
        except SyntaxProblem as problem:
            raise InvalidArgument(
                f"template parsing error: template: :{problem.line}: {problem}", _advice(problem)
            ) from None

    def render(self, data: Any, *, of: str = "", header: bool = False) -> str:
        """Return the text that the template makes of `data`.

        `of` names the kind of row for messages ("" = a document).

        Raises: InvalidArgument if a field does not exist or a function refuses its arguments.
        """
        return _Run(self, data, of, HEADER_FUNCTIONS if header else FUNCTIONS).all()


def _advice(problem: SyntaxProblem) -> str | None:
    message = str(problem)
    if message.startswith("function "):
        name = message.split('"')[1]
        if name[:1].isupper():
            return f"did you mean {{{{.{name}}}}}?"
    return None


class _Stop(Exception):
    """{{break}} or {{continue}}."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class _Run:
    """One execution."""

    def __init__(
        self, template: Template, data: Any, of: str, functions: dict[str, Callable[..., Any]]
    ) -> None:
        self.template = template
        self.of = of
        self.functions = functions
        self.variables: list[tuple[str, Any]] = [("$", data)]
        self.out: list[str] = []
        self.size = 0

    def all(self) -> str:
        try:
            self.block(self.template.nodes, self.variables[0][1])
        except _Stop:
            pass
        return "".join(self.out)

    def emit(self, text: str) -> None:
        self.size += len(text)
        if self.size > _MAX_OUTPUT:
            raise InvalidArgument("the template makes more than 16 MiB of text")
        self.out.append(text)

    def block(self, nodes: Sequence[Node], dot: Any) -> None:
        scope = len(self.variables)
        for node in nodes:
            if node.kind == "text":
                self.emit(node.value)
            elif node.kind == "action":
                value = self.declare(node, dot)
                if not node.value[0]:
                    self.emit(show(value))
            elif node.kind in ("break", "continue"):
                raise _Stop(node.kind)
            else:
                self.control(node, dot)
        del self.variables[scope:]

    def declare(self, node: Node, dot: Any) -> Any:
        value = self.pipe(node.parts[0], dot)
        for name in node.value[0]:
            self.assign(name, value, node.value[1])
        return value

    def assign(self, name: str, value: Any, existing: bool) -> None:
        if existing:
            for at in range(len(self.variables) - 1, -1, -1):
                if self.variables[at][0] == name:
                    self.variables[at] = (name, value)
                    return
        self.variables.append((name, value))

    def control(self, node: Node, dot: Any) -> None:
        scope = len(self.variables)
        pipe, body, other = node.parts
        if node.kind == "range":
            self.loop(node, self.pipe(pipe, dot), dot)
        else:
            value = self.declare(node, dot)
            if is_true(value):
                self.block(body, value if node.kind == "with" else dot)
            else:
                self.block(other, dot)
        del self.variables[scope:]

    def loop(self, node: Node, value: Any, dot: Any) -> None:
        _, body, other = node.parts
        names, existing = node.value
        scope = len(self.variables)
        done = False
        for key, item in self.items(node, value):
            done = True
            if len(names) == 1:
                self.assign(names[0], item, existing)
            elif names:
                self.assign(names[0], key, existing)
                self.assign(names[1], item, existing)
            try:
                self.block(body, item)
            except _Stop as stop:
                if stop.word == "break":
                    break
            del self.variables[scope:]
        if not done:
            self.block(other, dot)

    def items(self, node: Node, value: Any) -> list[tuple[Any, Any]]:
        if value is None:
            return []
        if isinstance(value, Mapping):
            return sorted(value.items(), key=lambda item: str(item[0]))
        if isinstance(value, int) and not isinstance(value, bool):
            return [(number, number) for number in range(min(value, 1_000_000))]
        if isinstance(value, Sequence) and not isinstance(value, str):
            return list(enumerate(value))
        raise self.failed(node.parts[0], f"range can't iterate over {show(value)}")

    def pipe(self, node: Node, dot: Any) -> Any:
        last: tuple[Any, ...] = ()
        for call in node.parts:
            last = (self.call(call, dot, last),)
        return last[0]

    def call(self, node: Node, dot: Any, last: tuple[Any, ...]) -> Any:
        first, *rest = node.parts
        if first.kind == "function":
            return self.invoke(first, node, [self.value(part, dot) for part in rest] + list(last))
        if first.kind in ("field", "variable", "chain") and first.parts:
            return self.value(first, dot, [self.value(part, dot) for part in rest] + list(last))
        if rest or last:
            raise self.failed(node, f"can't give argument to non-function {first.source}")
        return self.value(first, dot)

    def invoke(self, function: Node, node: Node, arguments: list[Any]) -> Any:
        try:
            return self.functions[function.value](*arguments)
        except ValueError as error:
            problem = f"error calling {function.value}: {error}"
        except (TypeError, AttributeError, IndexError):
            problem = f"wrong number or type of args for {function.value}: got {len(arguments)}"
        raise self.failed(node, problem)

    def value(self, node: Node, dot: Any, arguments: Sequence[Any] = ()) -> Any:
        if node.kind == "const":
            return node.value
        if node.kind == "pipe":
            return self.pipe(node, dot)
        if node.kind == "function":
            return self.invoke(node, node, [])
        if node.kind == "variable":
            base = next(v for name, v in reversed(self.variables) if name == node.value)
        elif node.kind == "chain":
            base = self.value(node.value, dot)
        else:
            base = dot
        parent = ""
        for at, name in enumerate(node.parts):
            given = arguments if at == len(node.parts) - 1 else ()
            base = self.field(node, base, name, parent, given)
            parent = name
        return base

    def field(self, node: Node, base: Any, name: str, parent: str, arguments: Sequence[Any]) -> Any:
        if not isinstance(base, Mapping):
            if base is None:
                raise self.failed(node, f"nil data; no entry for key {name!r}".replace("'", '"'))
            kind = {str: "string", int: "int", bool: "bool"}.get(type(base), "[]interface {}")
            raise self.failed(node, f"can't evaluate field {name} in type {kind}")
        if name not in base:
            if parent in _FREE or name in _NIL:
                return None
            raise self.missing(node, base, name)
        value = base[name]
        if callable(value):
            try:
                return value(*arguments)
            except TypeError:
                raise self.failed(node, f"wrong number of args for {name}") from None
        if arguments:
            raise self.failed(node, f"{name} is not a method but has arguments")
        return value

    def missing(self, node: Node, base: Mapping[str, Any], name: str) -> InvalidArgument:
        import difflib

        known = [str(key) for key in base]
        by_case = {key.lower(): key for key in known}
        near = [by_case[name.lower()]] if name.lower() in by_case else None
        near = near or difflib.get_close_matches(name, known, 1)
        hint = f"did you mean .{near[0]}?" if near else f"fields: {' '.join(known[:24])}"
        if self.of:
            kind = _TYPES.get(self.of, f"*formatter.{self.of}Context")
            return self.failed(node, f"can't evaluate field {name} in type {kind}", hint)
        return self.failed(node, f'map has no entry for key "{name}"', hint)

    def failed(self, node: Node, problem: str, hint: str | None = None) -> InvalidArgument:
        before = self.template.text[: node.pos]
        line, column = before.count("\n") + 1, node.pos - (before.rfind("\n") + 1)
        source = node.source if len(node.source) <= 20 else node.source[:20] + "..."
        return InvalidArgument(
            f"template parsing error: template: :{line}:{column}: "
            f'executing "" at <{source}>: {problem}',
            hint,
        )


def format_table(table: Table, format: str) -> Table | Text:
    """Return a Table of the template's columns for "table …", else a line a row."""
    if format == "json":
        return Text([to_json(dict(sorted(row.items()))) for row in table.to_dicts()])
    if format == "table":
        return table
    text = format.removeprefix("table ") if format.startswith("table ") else format
    template = Template(text.replace("\\t", "\t").replace("\\n", "\n"))
    rows = [template.render(_escaping(row), of=table.kind) for row in table.rows]
    if not format.startswith("table "):
        return Text([line for row in rows for line in row.split("\n")])
    headers = _headers(table)
    head = template.render(headers, header=True).split("\t")
    fields = [_only_field(part) or name for part, name in _parts(template.text, head)]
    columns = [Column(field, name) for field, name in zip(fields, head, strict=True)]
    made = [
        {**row, **dict(zip(fields, cells.split("\t"), strict=False))}
        for row, cells in zip(table.rows, rows, strict=True)
    ]
    return Table(table.kind, columns, made, min_width=table.min_width)


def _parts(text: str, head: list[str]) -> list[tuple[str, str]]:
    parts = text.split("\t")
    return list(zip(parts if len(parts) == len(head) else [""] * len(head), head, strict=True))


def _only_field(part: str) -> str:
    inner = part.strip()
    if inner.startswith("{{.") and inner.endswith("}}") and inner[3:-2].strip().isidentifier():
        return inner[3:-2].strip()
    return ""


class _Headers(dict[str, Any]):
    """Give each field the header that Docker prints over it."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return _HEADERS.get(name) or name.upper()


# where the words of the field are not the header's
_HEADERS = {
    "CreatedAt": "CREATED AT",
    "CreatedSince": "CREATED",
    "RunningFor": "CREATED",
    "LocalVolumes": "LOCAL VOLUMES",
    "UniqueSize": "UNIQUE SIZE",
    "SharedSize": "SHARED SIZE",
    "VirtualSize": "SIZE",
    "CreatedBy": "CREATED BY",
    "Type": "CHANGE TYPE",
    "Name": "NAME",
}
_IDS = {"container": "CONTAINER ID", "image": "IMAGE ID", "history": "IMAGE"}


def _headers(table: Table) -> _Headers:
    headers = _Headers({column.field: column.header for column in table.columns})
    if table.kind in _IDS:
        headers["ID"] = _IDS[table.kind]
    if table.kind == "volume":
        headers["Name"] = "VOLUME NAME"
    headers["Label"] = lambda name: name.rpartition(".")[2]
    return headers


def _escaping(row: Row) -> dict[str, Any]:
    """Return a row whose texts cannot move the cursor: it is shown to a person."""
    return {
        name: escaped(value) if isinstance(value, str) else value
        for name, value in sorted(row.items())
    }


def format_detail(detail: Detail, format: str) -> Text:
    """Return a text for each document; a text may have several lines."""
    if format == "json":
        whole = detail.documents[0] if detail.single else list(detail.documents)
        return Text([to_json(whole)])
    template = Template(format)
    return Text([template.render(document) for document in detail.documents])


def format_stream(rows: Iterable[Row], format: str, kind: str = "") -> Stream:
    """Return a Stream of lines, one for each row that comes."""
    if format == "json":
        return Stream(to_json(row) for row in rows)
    template = Template(format.replace("\\t", "\t").replace("\\n", "\n"))
    return Stream(template.render(row, of=kind) for row in rows)
