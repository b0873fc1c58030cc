from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nbcontainer.commands.table import Edge
from nbcontainer.results import Table, Text
from tests.notes import Notes, do


def test_rmi_prints_the_lines_of_each_image() -> None:
    def lines() -> Iterator[Text]:
        yield Text(["Untagged: a:1", "Deleted: sha256:1"])
        yield Text(["Untagged: b:1"])

    class Images:
        answers = lines()

        def rmi(self, name: str, **flags: Any) -> Text:
            return next(self.answers)

    result = do("rmi a b", Images())
    assert result.lines == ("Untagged: a:1", "Deleted: sha256:1", "Untagged: b:1")


def test_images_may_be_chosen_by_name_and_shown_by_template() -> None:
    table = Table("image", [("ID", "IMAGE ID")], [{"ID": "abc", "Digest": "<none>"}])
    engine = Notes(images=table)
    assert do("images -q bb", engine) == Text(["abc"])
    assert do("images --format {{.Digest}}", engine) == Text(["<none>"])
    assert engine.calls[0][1] == ("bb",)
    assert [call[2]["digests"] for call in engine.calls] == [False, True]


def test_history_and_tag_pass_their_arguments_on() -> None:
    engine = Notes(history=Table("history", [("ID", "IMAGE")], [{"ID": "abc"}]))
    assert do("history -q --human=false bb", engine) == Text(["abc"])
    assert do("tag bb me/bb:1", engine) == Text()
    assert engine.calls == [
        ("history", ("bb",), {"no_trunc": False, "human": False}),
        ("tag", ("bb", "me/bb:1"), {}),
    ]


def test_image_prune_says_what_it_would_take() -> None:
    asked: list[str] = []

    def refuse(text: str) -> bool:
        asked.append(text)
        return False

    do("image prune -a", Notes(), edge=Edge(confirm=refuse))
    do("image prune", Notes(), edge=Edge(confirm=refuse))
    assert "all images without at least one container" in asked[0]
    assert "all dangling images" in asked[1]


def test_pull_and_push_are_transfers_of_the_engine() -> None:
    engine = Notes(pull_session="pulling", push_session="pushing")
    assert do("pull -a -q --platform arm64 nginx", engine) == "pulling"
    assert do("push --all-tags r.example/me/app", engine) == "pushing"
    assert engine.calls == [
        ("pull_session", ("nginx",), {"platform": "arm64", "all_tags": True, "quiet": True}),
        ("push_session", ("r.example/me/app",), {"all_tags": True, "quiet": False}),
    ]
