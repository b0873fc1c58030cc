import json

from nbcontainer.runtime.plan import CLONE, LAST, WHY, Plan, Step, shared_id
from tests.plans import names, steps

PLAN = Plan(
    (
        Step(CLONE, "clone", {"namespaces": ["user"]}),
        Step(CLONE, "map_ids", {"inside": 0, "outside": 100_000, "count": 65_536}),
        Step(LAST, "execute", {"args": ["true"]}),
    )
)


def test_a_plan_comes_back_from_its_record():
    record = json.loads(json.dumps(PLAN.to_json()))
    assert Plan.from_json(record) == PLAN
    assert record["version"] == 1


def test_a_whole_plan_is_plain_json():
    plan = Plan(steps())
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_steps_are_told_apart_by_phase():
    assert [step.do for step in PLAN.of(CLONE)] == ["clone", "map_ids"]
    assert [step.do for step in PLAN.of(LAST, CLONE)] == ["clone", "map_ids", "execute"]


def test_the_owner_is_who_root_inside_is_outside():
    assert PLAN.owner == 100_000
    assert Plan(PLAN.of(LAST)).owner == 0


def test_every_step_says_why_in_words_for_a_student():
    assert {name for name in names() if not WHY[name]} == set()
    assert PLAN.steps[0].why == WHY["clone"]


def test_a_shared_namespace_names_its_container():
    assert shared_id("container:abc") == "abc"
    assert [shared_id(mode) for mode in ("", "host", "none")] == ["", "", ""]
