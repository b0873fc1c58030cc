import pytest

from nbcontainer.runtime.plan import LAST
from nbcontainer.runtime.planner import plan_for
from nbcontainer.runtime.planner_last import exec_environment, exec_steps, rlimits
from nbcontainer.runtime.wire import Exec
from nbcontainer.spec.host import CgroupFeatures
from nbcontainer.spec.runtime import Namespaces, Resources, Ulimit
from nbcontainer.values import replace
from tests.golden.hosts import HOSTS
from tests.plans import CONFIG, PLACES, names, one


@pytest.mark.parametrize("host", HOSTS)
def test_rights_are_given_up_in_the_one_order_that_works(host):
    order = names(host=host)
    wanted = ["clone", "map_ids", "mask", "attach_rootfs", "pivot", "become_user", "capabilities",
              "no_new_privileges", "seccomp", "execute"]  # fmt: skip
    assert [name for name in order if name in wanted] == wanted


def test_without_no_new_privileges_the_filter_comes_while_it_still_can():
    config = replace(CONFIG, security=replace(CONFIG.security, no_new_privileges=False))
    order = names(config)
    assert order.index("seccomp") < order.index("capabilities")


def test_one_id_alone_gets_its_owners_answered():
    places = replace(PLACES, fake_owners="/s/owners")
    order = names(host="user-single", places=places)
    assert order.index("fake_owners") > order.index("no_new_privileges")
    assert one("become_user", host="user-single", places=places)["single_id"] is True


def test_core_files_are_off_unless_asked_for():
    assert rlimits(CONFIG, HOSTS["root-v1"]) == {"core": [0, 0]}
    asked = replace(CONFIG, ulimits=(Ulimit("core", 1, 2),))
    assert rlimits(asked, HOSTS["root-v1"])["core"] == [1, 2]


def test_where_no_cgroup_counts_processes_a_limit_of_linux_does():
    def found(**changes):
        host = replace(HOSTS["root-v1"], cgroup=CgroupFeatures())
        return rlimits(replace(CONFIG, **changes), host).get("nproc")

    assert found() == [4096, 4096]
    assert found(ulimits=(Ulimit("nproc", 7, 9),)) == [7, 9]
    assert found(resources=Resources(pids_limit=-1)) is None
    # there Linux would count the host's, too
    assert found(namespaces=Namespaces(user="host")) is None


def test_an_exec_gives_up_what_the_first_process_gave_up():
    plan = plan_for(CONFIG, HOSTS["root-v1"], PLACES)
    joined = dict(exec_steps(plan, Exec("e", ("ls",), user="web", cwd="/srv")))
    given_up = {step.do for step in plan.steps if step.phase == LAST}
    assert given_up - {"terminal"} <= set(joined)
    assert joined["become_user"]["user"] == "web"
    assert joined["capabilities"]["keep"] == ["CHOWN"]
    assert joined["execute"]["args"] == ["ls"]
    assert joined["change_directory"]["path"] == "/srv"


def test_a_privileged_exec_keeps_all_capabilities():
    plan = plan_for(CONFIG, HOSTS["root-v1"], PLACES)
    joined = dict(exec_steps(plan, Exec("e", ("ls",), privileged=True)))
    assert joined["capabilities"]["keep"] == ["ALL"]
    assert {"seccomp", "no_new_privileges"}.isdisjoint(joined)


def test_an_execs_environment_lies_over_the_containers():
    config = replace(CONFIG, env=("A=1", "B=2"))
    assert exec_environment(config, ("B=3", "C=")) == ("A=1", "B=3", "C=")


def test_an_execs_terminal_is_its_own():
    plan = plan_for(replace(CONFIG, tty=True), HOSTS["root-v1"], PLACES)
    assert "terminal" not in dict(exec_steps(plan, Exec("e", ("ls",))))
    asked = Exec("e", ("ls",), tty=True, rows=24, columns=80)
    assert dict(exec_steps(plan, asked))["terminal"] == {"rows": 24, "columns": 80}
