from __future__ import annotations

from nbcontainer.commands.table import load_all
from nbcontainer.spec.create import FLAGS, UNSUPPORTED


def test_every_flag_of_run_is_a_keyword_of_the_engine_or_refused() -> None:
    options = load_all()["run"].options.values()
    offered = {o.key for o in options if not o.refused}
    refused = {o.key for o in options if o.refused}
    assert offered - {"net", "detach", "detach_keys", "sig_proxy"} == FLAGS
    assert refused == UNSUPPORTED
