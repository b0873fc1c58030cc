"""What changed while something ran, of real containers."""

import time

from tests.needs import needs

pytestmark = needs("userns")


def happened(engine, act):
    follower = engine.follow()
    since = time.time_ns()
    act()
    events = []
    try:
        while (event := follower.next_within(0)) is not None:
            events.append(event)
    except TimeoutError:
        pass
    follower.close()
    return engine.changed(events, since)


def test_files_that_a_program_wrote_are_told_with_their_text(engine):
    engine.run(
        "toolbox", ["sh", "-c", "echo before > /early; exec sleep 600"], name="web", detach=True
    )
    engine.exec("web", ["sh", "-c", "until [ -e /early ]; do :; done"])
    time.sleep(0.05)  # the clock that stamps files ticks in steps

    def act():
        engine.exec("web", ["sh", "-c", "mkdir /d; echo hello > /d/new; rm /etc/group"])

    (web,) = happened(engine, act).containers
    files = {file.path: file for file in web.files}
    assert files["/d/new"].after == "hello\n"
    assert files["/d/new"].kind == "A"
    assert files["/etc/group"].kind == "D"
    assert "/early" not in files
    assert len(web.execs) == 1


def test_one_that_ran_and_went_has_its_end(engine):
    changed = happened(
        engine, lambda: engine.run("toolbox", ["sh", "-c", "exit 3"], name="box", rm=True)
    )
    (box,) = changed.containers
    assert (box.name, box.exit_code, box.files) == ("box", 3, ())
    assert box.did[0] == "create"
    assert box.did[-1] == "destroy"


def test_images_and_volumes_are_told(engine):
    def act():
        engine.volume_create("data")
        engine.tag("toolbox", "mine:1")

    engine.run("toolbox", ["true"], rm=True)
    changed = happened(engine, act)
    assert changed.volumes == (("create", "data"),)
    assert ("tag", "mine:1") in changed.images


@needs("cgroup")
def test_the_most_memory_is_told(engine):
    changed = happened(
        engine, lambda: engine.run("toolbox", ["sleep", "600"], name="big", detach=True)
    )
    assert changed.containers[0].peak_bytes > 10_000


def test_what_was_removed_of_the_containers_own_is_told_by_its_directory(engine):
    engine.run("toolbox", ["sh", "-c", "mkdir /own; echo > /mine; echo > /etc/mine; exec sleep 600"],
               name="web", detach=True)  # fmt: skip
    engine.exec("web", ["sh", "-c", "until [ -e /etc/mine ]; do :; done"])
    time.sleep(0.05)
    changed = happened(engine, lambda: engine.exec("web", ["rm", "/mine", "/etc/mine"]))
    (web,) = changed.containers
    assert web.files == ()
    assert web.listings == ("/", "/etc")
    # the most that it used was before
    assert web.peak_bytes == 0


def test_networks_and_ports_are_told_and_ids_are_short(engine):
    def act():
        engine.network_create("net")
        engine.run("toolbox", ["sleep", "600"], name="web", detach=True, publish="18123:80")
        engine.network_rm("net")
        engine.tag("toolbox", "mine:1")

    changed = happened(engine, act)
    assert changed.networks == (("create", "net"), ("destroy", "net"))
    assert changed.containers[0].ports == "18123->80/tcp"
    assert changed.meanwhile is None


def test_what_another_client_did_is_not_ours(engine, store):
    engine.run("toolbox", ["true"], rm=True)
    other = store.engine()

    def act():
        other.run("toolbox", ["sleep", "600"], name="theirs", detach=True)
        other.volume_create("theirs")
        engine.volume_create("ours")

    changed = happened(engine, act)
    assert changed.volumes == (("create", "ours"),)
    assert changed.containers == ()
    assert [each.name for each in changed.meanwhile.containers] == ["theirs"]
    assert changed.meanwhile.volumes == (("create", "theirs"),)
