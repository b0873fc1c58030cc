from __future__ import annotations

from typing import Any

from nbcontainer.views.plan import arguments_text, plan_rows


class Step:
    phase, do, why = "clone", "map_ids", "root inside is nobody outside"
    args: dict[str, Any] = {"path": "/a b", "count": 0, "on": True, "off": False, "none": []}


def test_what_is_empty_is_left_out_and_zero_is_not_empty() -> None:
    assert arguments_text(Step.args) == "path='/a b' count=0 on=true"


def test_lists_and_objects_are_short() -> None:
    assert arguments_text({"a": ["x", "y"], "b": {"c": 1}}) == "a=x,y b={c:1}"


def test_a_long_summary_is_cut_and_the_arguments_stay_whole() -> None:
    class Long(Step):
        args = {"text": "x" * 100}

    (row,) = plan_rows([Long()])
    assert len(row["Summary"]) == 52
    assert row["Args"] == {"text": "x" * 100}
    assert len(plan_rows([Long()], no_trunc=True)[0]["Summary"]) == 105
