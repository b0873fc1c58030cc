"""The harness itself computes what it says."""

from tests.benchmarks.harness import Bar, Row, Sample, alternate, table


def test_cases_take_turns_and_another_one_begins_each_round():
    order = []
    cases = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    samples = alternate(cases, rounds=4, warm_up=0)
    assert "".join(order) == "abbaabba"
    assert [len(sample.values) for sample in samples.values()] == [4, 4]


def test_a_case_that_measures_itself_gives_its_own_figure():
    assert alternate({"a": lambda: 2.5}, rounds=3)["a"].values == (2.5, 2.5, 2.5)


def test_the_ratio_is_the_median_of_the_rounds_own_ratios():
    row = Row("x", "s", Sample((1.0, 10.0, 3.0)), {"peer": Sample((2.0, 20.0, 30.0))})
    assert row.ratio("peer") == 0.5


def test_a_cost_over_its_bar_is_not_met():
    assert "not met" in Bar("bwrap", at_most=1.3, aim=0.7).judged(1.4, rate=False)
    assert "(≤ 1.3x: met)" in Bar("bwrap", at_most=1.3, aim=0.7).judged(1.0, rate=False)
    assert "aim met" in Bar("bwrap", at_most=1.3, aim=0.7).judged(0.6, rate=False)


def test_times_better_is_theirs_over_ours_for_costs_and_ours_over_theirs_for_rates():
    assert Bar("podman", at_least=10).judged(0.05, rate=False).startswith("20x podman")
    assert Bar("podman", at_least=8).judged(4.0, rate=True).startswith("4x podman")


def test_an_absent_peer_is_named_with_its_reason():
    row = Row("x", "ms", Sample((0.001,)), {}, (Bar("docker", at_least=2),), {"docker": "absent"})
    assert "docker: absent" in table([row])
