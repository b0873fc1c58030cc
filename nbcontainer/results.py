"""What commands and Engine return: values that know no terminal and print nothing.

    Table        rows with Docker's template fields (ps, images, volume ls, top, diff, doctor, …)
    Text         lines (rm, tag, save, whatever --quiet or --format made)
    Panel        several tables under titles (panel)
    Picture      a drawing and its words (anatomy)
    Folded       a line, and what stands behind it (what a cell changed)
    Detail       JSON documents (inspect, info, version)
    Completed    a program that has ended
    Container    what create and run -d made;  Image  what commit and import made
    Live         a program that runs, to be pumped by the edge
    Stream       text or chunks that come with time (logs, events)
    Transfer     an image on its way (pull, push): lines, and how far each layer is

How they look stands in `render`, which is imported when one is first shown.  In a notebook each has
text/plain (what Docker prints) and static text/html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, overload

from .errors import EngineError, NotFound

Row = Mapping[str, Any]


class Column(NamedTuple):
    """A field of the rows, and the header over it."""

    field: str
    header: str


class Chunk(NamedTuple):
    """Bytes of one stream, "stdout" or "stderr"; logs also give the moment in `time_ns`."""

    stream: str
    data: bytes
    time_ns: int = 0


class Shown:
    """Give a value its two looks, by way of `render`."""

    __slots__ = ()

    def __repr__(self) -> str:
        from .render import text

        return text.plain(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from .render import html, text

        bundle = {"text/plain": text.plain(self)}
        page = html.page(self)
        if page:
            bundle["text/html"] = page
        return bundle


class Table(Shown):
    """Rows under columns.

    `kind` names what a row is (container, image, volume, …).  A row holds every field that a
    template may ask for; `columns` are those shown.  `template` replaces the table in text/plain
    by one line a row (diff, plan).  `min_width` is the least width of a column.
    """

    __slots__ = ("columns", "kind", "min_width", "rows", "template")

    def __init__(
        self,
        kind: str,
        columns: Iterable[Column | tuple[str, str]],
        rows: Iterable[Row],
        *,
        template: str = "",
        min_width: int = 10,
    ) -> None:
        self.kind = kind
        self.columns = tuple(Column(*column) for column in columns)
        self.rows = tuple(rows)
        self.template = template
        self.min_width = min_width

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    @overload
    def __getitem__(self, key: int) -> Row: ...
    @overload
    def __getitem__(self, key: slice) -> Table: ...
    @overload
    def __getitem__(self, key: str) -> list[Any]: ...
    def __getitem__(self, key: int | slice | str) -> Any:
        """Return a row, some rows as a Table, or a field of all rows."""
        if isinstance(key, str):
            return [row[key] for row in self.rows]
        if isinstance(key, slice):
            return self.with_rows(self.rows[key])
        return self.rows[key]

    def with_rows(self, rows: Iterable[Row]) -> Table:
        """Return the same table with other rows."""
        return Table(
            self.kind, self.columns, rows, template=self.template, min_width=self.min_width
        )

    @property
    def ids(self) -> list[str]:
        """Return what other verbs take: the ID of each row, or its Name where rows have no ID."""
        return [str(row["ID"] if "ID" in row else row.get("Name", "")) for row in self.rows]

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the rows as plain dicts, without the fields that only templates call."""
        return [{k: v for k, v in row.items() if not callable(v)} for row in self.rows]

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame of the shown columns; pandas must be installed."""
        import pandas  # type: ignore[import-untyped,import-not-found,unused-ignore]

        fields = [column.field for column in self.columns]
        data = [[row.get(field) for field in fields] for row in self.rows]
        return pandas.DataFrame(data, columns=fields)


class Part(NamedTuple):
    """A table of a panel: what it is called by, and its title."""

    id: str
    title: str
    table: Table


class Panel(Shown):
    """Several tables on one screen."""

    __slots__ = ("parts",)

    def __init__(self, parts: Iterable[Part]) -> None:
        self.parts = tuple(parts)

    def __getitem__(self, id: str) -> Table:
        """Return the table of that name."""
        for part in self.parts:
            if part.id == id:
                return part.table
        raise KeyError(id)


class Folded(Shown):
    """A line, and sections of lines that are shown when somebody opens it."""

    __slots__ = ("data", "sections", "summary")

    def __init__(
        self, summary: str, sections: Iterable[tuple[str, Sequence[str]]], data: Any = None
    ) -> None:
        self.summary = summary
        self.sections = tuple((title, tuple(lines)) for title, lines in sections)
        self.data = data


class Picture(Shown):
    """A drawing and the lines that say the same; `data` are the facts behind both.

    `draw` returns SVG, and is called where somebody looks.
    """

    __slots__ = ("data", "draw", "lines")

    def __init__(self, data: Any, lines: Iterable[str], draw: Callable[[], str]) -> None:
        self.data = data
        self.lines = tuple(lines)
        self.draw = draw

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "image/svg+xml": self.draw()}


class Text(Shown, Sequence[str]):
    """Lines of text, without their ends; a sequence of them.

    `errors` are what went wrong for some of several objects (`rm a b`): the edge shows them after the
    lines and ends with exit code 1, as Docker does, unless they are of the classes `forgiven`.
    """

    __slots__ = ("errors", "has_failed", "lines")

    def __init__(
        self,
        lines: Iterable[str] | str = (),
        *,
        errors: Iterable[EngineError] = (),
        forgiven: tuple[type[EngineError], ...] = (),
    ) -> None:
        self.lines = tuple(lines.splitlines() if isinstance(lines, str) else lines)
        self.errors = tuple(errors)
        self.has_failed = any(not isinstance(error, forgiven) for error in self.errors)

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, key: int) -> str: ...
    @overload
    def __getitem__(self, key: slice) -> Text: ...
    def __getitem__(self, key: int | slice) -> str | Text:
        return Text(self.lines[key]) if isinstance(key, slice) else self.lines[key]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (Text, list, tuple)):
            return self.lines == tuple(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.lines)

    def __str__(self) -> str:
        return "\n".join(self.lines)


class Pruned(Text):
    """What a prune did: which things of the kind `title` went, and how many bytes were freed."""

    __slots__ = ("deleted", "freed_bytes", "title")

    def __init__(
        self, title: str, deleted: Iterable[str], freed_bytes: int, lines: Iterable[str]
    ) -> None:
        super().__init__(lines)
        self.title = title
        self.deleted = tuple(deleted)
        self.freed_bytes = freed_bytes


class Detail(Shown, Sequence[Any]):
    """JSON documents.  `lines`, where given, are shown in their place (info, version).

    `single` says that there is one document and that no list stands around it.  A string key asks
    the only document: `detail["State"]`.  `errors`: as in Text.  `table`: what a page shows, above the
    lines that are not of the table.
    """

    __slots__ = ("documents", "errors", "lines", "single", "table")

    def __init__(
        self,
        documents: Iterable[Any],
        *,
        single: bool = False,
        lines: Iterable[str] = (),
        errors: Iterable[EngineError] = (),
        table: Table | None = None,
    ) -> None:
        self.table = table
        self.documents = tuple(documents)
        self.single = single
        self.lines = tuple(lines)
        self.errors = tuple(errors)

    def __len__(self) -> int:
        return len(self.documents)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            if len(self.documents) != 1:
                raise KeyError(f"{key!r}: there are {len(self.documents)} documents, choose one")
            return self.documents[0][key]
        return self.documents[key]


class Completed(Shown):
    """A program that has ended.  `container` is its id; empty bytes where nothing was captured."""

    __slots__ = ("container", "exit_code", "stderr", "stdout")

    def __init__(
        self, exit_code: int, stdout: bytes = b"", stderr: bytes = b"", container: str = ""
    ) -> None:
        self.exit_code = exit_code
        self.stdout = stdout
        self.stderr = stderr
        self.container = container

    @property
    def text(self) -> str:
        """Return stdout as text; what is not UTF-8 becomes a replacement character."""
        return self.stdout.decode("utf-8", "replace")

    def __str__(self) -> str:
        return self.text


class Container(Shown):
    """A container that was made; its text is its id, as Docker prints it.

    `reach(port, path)` is how `url` finds where a published port is reached.
    """

    __slots__ = ("_reach", "id", "name", "warnings")

    def __init__(
        self,
        id: str,
        name: str = "",
        warnings: Iterable[str] = (),
        reach: Callable[[str, str], str] | None = None,
    ) -> None:
        self.id = id
        self.name = name
        self.warnings = tuple(warnings)
        self._reach = reach

    def __str__(self) -> str:
        return self.id

    def url(self, port: int | str = 80, path: str = "/") -> str:
        """Return where this browser reaches a published port of the container.

        Raises: NotFound if it is not published now.
        """
        if self._reach is None:
            raise NotFound(f"no public port '{port}' published for {self.name or self.id[:12]}")
        return self._reach(str(port), path)


class Image(Shown):
    """An image that was made; its text is its id."""

    __slots__ = ("id", "reference")

    def __init__(self, id: str, reference: str = "") -> None:
        self.id = id
        self.reference = reference

    def __str__(self) -> str:
        return self.id
