"""The text of a Go template to a tree of nodes.

    text  {{pipeline}}  {{$x := pipeline}}  {{if p}} {{else if p}} {{else}} {{end}}
    {{range p}} {{range $i, $e := p}} {{else}} {{end}}  {{with p}} {{end}}  {{break}} {{continue}}
    {{- trimmed -}}  {{/* comment */}}

`define`, `template` and `block` are not part of the subset.  Errors are Go's sentences without their
"template: :1: " beginning.  See: Go's text/template and text/template/parse.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<raw>`[^`]*`)
      | (?P<char>'(?:\\.|[^'\\\n])+')
      | (?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+))
      | (?P<field>\.\w+)
      | (?P<dot>\.)
      | (?P<variable>\$\w*)
      | (?P<word>[^\W\d]\w*)
      | (?P<mark>:=|=|,|\||\(|\))""",
    re.VERBOSE,
)
_KEYWORDS = frozenset(
    ("if", "else", "end", "range", "with", "break", "continue", "define", "template", "block")
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_MAX_DEPTH = 100


class SyntaxProblem(Exception):
    """The template cannot be parsed; the text is Go's sentence, `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class Node(NamedTuple):
    """`kind`: text, action, if, range, with, break, continue, pipe, call, function, field, variable,
    chain, const.  `pos` and `source` are what an error quotes; `value` and `parts` depend on the kind.
    """

    kind: str
    pos: int
    source: str
    value: Any = None
    parts: tuple[Any, ...] = ()


class _Token(NamedTuple):
    kind: str
    text: str
    pos: int
    spaced: bool


def parse(text: str, functions: frozenset[str]) -> tuple[Node, ...]:
    """Return the nodes of `text`; only names in `functions` may be called.

    Raises: SyntaxProblem.
    """
    return _Parser(text, functions).document()


class _Parser:
    def __init__(self, text: str, functions: frozenset[str]) -> None:
        self.text = text
        self.functions = functions
        self.pieces = _split(text)
        self.at = 0
        self.variables: list[str] = ["$"]
        self.depth = 0

    def document(self) -> tuple[Node, ...]:
        nodes, stop = self.block()
        if stop is not None:
            raise self.problem(f"unexpected {{{{{stop[0].text}}}}}", stop[0].pos)
        return nodes

    def problem(self, message: str, pos: int) -> SyntaxProblem:
        return SyntaxProblem(message, self.text.count("\n", 0, pos) + 1)

    def block(self) -> tuple[tuple[Node, ...], list[_Token] | None]:
        """Read until {{end}} or {{else}}, which is returned, or the end of the text."""
        nodes: list[Node] = []
        scope = len(self.variables)
        while self.at < len(self.pieces):
            piece = self.pieces[self.at]
            self.at += 1
            if isinstance(piece, str):
                nodes.append(Node("text", 0, "", piece))
                continue
            tokens = self.tokens(*piece)
            word = tokens[0].text if tokens and tokens[0].kind == "word" else ""
            if word in ("end", "else"):
                del self.variables[scope:]
                return tuple(nodes), tokens
            if word in ("if", "with", "range"):
                nodes.append(self.control(word, tokens[1:], tokens[0].pos))
            elif word in ("break", "continue"):
                nodes.append(Node(word, tokens[0].pos, word))
            elif word in _KEYWORDS:
                raise self.problem(f"{{{{{word}}}}} is not supported", tokens[0].pos)
            elif tokens or not self.is_comment(*piece):
                nodes.append(self.declared("action", tokens, piece[0]))
        return tuple(nodes), None

    def is_comment(self, start: int, end: int) -> bool:
        return self.text[start:end].strip().startswith("/*")

    def control(self, word: str, tokens: list[_Token], pos: int) -> Node:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.problem("blocks are nested too deep", pos)
        scope = len(self.variables)
        head = self.declared(word, tokens, pos)
        body, stop = self.block()
        other: tuple[Node, ...] = ()
        if stop is not None and stop[0].text == "else":
            rest = stop[1:]
            if rest and rest[0].text in ("if", "with"):
                other = (self.control(rest[0].text, rest[1:], rest[0].pos),)
                stop = stop[:0] or [_Token("word", "end", pos, False)]
            else:
                other, stop = self.block()
                if stop is not None and stop[0].text == "else":
                    raise self.problem("expected end; found {{else}}", stop[0].pos)
        if stop is None:
            raise self.problem("unexpected EOF", len(self.text))
        del self.variables[scope:]
        self.depth -= 1
        return head._replace(parts=(*head.parts, body, other))

    def declared(self, kind: str, tokens: list[_Token], pos: int) -> Node:
        """Return an action or head: value = (names, is assignment), parts = (pipe,)."""
        names: list[str] = []
        assigns = False
        if tokens and tokens[0].kind == "variable":
            texts = [token.text for token in tokens[:4]]
            if len(texts) > 1 and texts[1] in (":=", "="):
                names, assigns, tokens = [texts[0]], texts[1] == "=", tokens[2:]
            elif kind == "range" and texts[1:2] == [","] and texts[3:4] in ([":="], ["="]):
                names, assigns, tokens = [texts[0], texts[2]], texts[3] == "=", tokens[4:]
        cursor = _Cursor(self, tokens, pos)
        pipe = cursor.pipe()
        cursor.finish()
        for name in names:
            if assigns and name not in self.variables:
                raise self.problem(f'undefined variable "{name}"', pos)
            self.variables.append(name)
        return Node(kind, pos, pipe.source, (tuple(names), assigns), (pipe,))

    def tokens(self, start: int, end: int) -> list[_Token]:
        found: list[_Token] = []
        at, spaced = start, True
        if self.is_comment(start, end):
            return found
        while at < end:
            match = _TOKEN.match(self.text, at, end)
            if match is None:
                raise self.problem(self.bad(at), at)
            kind = str(match.lastgroup)
            if kind == "space":
                spaced = True
            else:
                found.append(_Token(kind, match.group(), at, spaced))
                spaced = False
            at = match.end()
        return found

    def bad(self, at: int) -> str:
        letter = self.text[at]
        if letter in "\"'`":
            return {
                '"': "unterminated quoted string",
                "'": "unterminated character constant",
                "`": "unterminated raw quoted string",
            }[letter]
        if letter in "{}":
            return f'unexpected "{letter}" in command'
        return f"unexpected bad character U+{ord(letter):04X} '{letter}' in command"


class _Cursor:
    """Read the expression of one action."""

    def __init__(self, parser: _Parser, tokens: list[_Token], pos: int) -> None:
        self.parser = parser
        self.tokens = tokens
        self.pos = pos
        self.at = 0
        self.depth = 0

    def peek(self) -> _Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def finish(self) -> None:
        left = self.peek()
        if left is not None:
            raise self.parser.problem(f'unexpected "{left.text}" in command', left.pos)

    def pipe(self) -> Node:
        start = self.peek()
        pos = start.pos if start else self.pos
        calls = [self.call(pos)]
        while (token := self.peek()) is not None and token.text == "|" and token.kind == "mark":
            self.at += 1
            calls.append(self.call(token.pos))
        last = self.tokens[self.at - 1] if self.at else None
        source = self.parser.text[pos : last.pos + len(last.text)] if last else ""
        return Node("pipe", pos, source, None, tuple(calls))

    def call(self, pos: int) -> Node:
        operands: list[Node] = []
        while (token := self.peek()) is not None and not (
            token.kind == "mark" and token.text != "("
        ):
            if operands and not token.spaced and token.kind not in ("mark",):
                raise self.parser.problem(f'unexpected "{token.text}" in operand', token.pos)
            operands.append(self.operand(token))
        if not operands:
            raise self.parser.problem("missing value for command", pos)
        source = " ".join(operand.source for operand in operands)
        return Node("call", operands[0].pos, source, None, tuple(operands))

    def operand(self, token: _Token) -> Node:
        node = self.simple(token)
        path: list[str] = []
        pos, source = node.pos, node.source
        while (more := self.peek()) is not None and more.kind == "field" and not more.spaced:
            self.at += 1
            pos = more.pos if not path else pos
            path.append(more.text[1:])
            source += more.text
        if not path:
            return node
        if node.kind in ("field", "variable"):
            return node._replace(pos=pos, source=source, parts=(*node.parts, *path))
        if node.kind == "const":
            raise self.parser.problem(f'unexpected "." after term "{node.source}"', pos)
        return Node("chain", pos, source, node, tuple(path))

    def simple(self, token: _Token) -> Node:
        self.at += 1
        kind, text, pos, _ = token
        if kind == "dot":
            return Node("field", pos, ".")
        if kind == "field":
            return Node("field", pos, text, None, (text[1:],))
        if kind == "variable":
            if text not in self.parser.variables:
                raise self.parser.problem(f'undefined variable "{text}"', pos)
            return Node("variable", pos, text, text)
        if kind == "word":
            return self.word(text, pos)
        if kind == "mark":
            return self.group(pos)
        return Node("const", pos, text, _constant(kind, text))

    def word(self, text: str, pos: int) -> Node:
        if text in ("true", "false", "nil"):
            return Node("const", pos, text, {"true": True, "false": False}.get(text))
        if text in _KEYWORDS:
            raise self.parser.problem(f"unexpected <{text}> in command", pos)
        if text not in self.parser.functions:
            raise self.parser.problem(f'function "{text}" not defined', pos)
        return Node("function", pos, text, text)

    def group(self, pos: int) -> Node:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.parser.problem("parentheses are nested too deep", pos)
        inner = self.pipe()
        closing = self.peek()
        if closing is None or closing.text != ")":
            raise self.parser.problem("unclosed left paren", pos)
        self.at += 1
        self.depth -= 1
        return inner._replace(source=f"({inner.source})")


def _constant(kind: str, text: str) -> Any:
    if kind == "raw":
        return text[1:-1]
    if kind == "number":
        try:
            return int(text, 0 if text.lower().startswith(("0x", "+0x", "-0x")) else 10)
        except ValueError:
            return float(text)
    inner = _unquoted(text[1:-1])
    return ord(inner[0]) if kind == "char" else inner


def _unquoted(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        body = match.group(1)
        if body[0] in "xuU":
            return chr(int(body[1:], 16))
        return _ESCAPES.get(body, body)

    return re.sub(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", one, text, flags=re.DOTALL)


def _split(text: str) -> list[str | tuple[int, int]]:
    """Return texts, and (start, end) of what stands between braces."""
    pieces: list[str | tuple[int, int]] = []
    at = 0
    trim = False
    while True:
        start = text.find("{{", at)
        plain = text[at:] if start < 0 else text[at:start]
        if trim:
            plain = plain.lstrip(" \t\r\n")
        if start < 0:
            if plain:
                pieces.append(plain)
            return pieces
        begin = start + 2
        if text[begin : begin + 1] == "-" and text[begin + 1 : begin + 2] in (" ", "\t", "\n"):
            plain, begin = plain.rstrip(" \t\r\n"), begin + 1
        if plain:
            pieces.append(plain)
        end = _closing(text, begin)
        trim = text[end - 1] == "-" and text[end - 2] in " \t\n"
        pieces.append((begin, end - 1 if trim else end))
        at = end + 2


def _closing(text: str, begin: int) -> int:
    """Return where the braces close; those within quotes do not count."""
    comment = text[begin:].lstrip().startswith("/*")
    if comment:
        end = text.find("}}", text.find("*/", begin))
        if text.find("*/", begin) < 0 or end < 0:
            raise SyntaxProblem("unclosed comment", text.count("\n", 0, begin) + 1)
        return end
    at = begin
    while at < len(text):
        if text.startswith("}}", at):
            return at
        match = _TOKEN.match(text, at)
        at = match.end() if match is not None else at + 1
        if match is None and text[at - 1] in "\"`'":
            break
    if at < len(text) or text[at - 1 : at] in ('"', "`", "'"):
        message = {'"': "unterminated quoted string", "`": "unterminated raw quoted string"}
        raise SyntaxProblem(
            message.get(text[at - 1], "unterminated character constant"),
            text.count("\n", 0, begin) + 1,
        )
    raise SyntaxProblem("unclosed action", text.count("\n", 0, begin) + 1)
