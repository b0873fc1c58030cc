"""What `exec` does in a running container, and how it refuses."""

import os
import threading

import pytest

from nbcontainer.errors import (
    CommandNotFound,
    ContainerNotFound,
    EngineError,
    InvalidArgument,
    NotExecutable,
    StepFailed,
    WrongStatus,
)
from tests.needs import check, needs

pytestmark = needs("userns")


@pytest.fixture
def web(engine):
    return engine.run("toolbox", ["sleep", "1000"], detach=True, name="web", network="none").id


def sh(engine, script, **flags):
    done = engine.exec("web", ["sh", "-c", script], **flags)
    assert done.exit_code == 0, done.stderr.decode()
    return done.stdout.decode().rstrip("\n")


def test_it_sees_what_the_container_sees(engine, web):
    assert sh(engine, "tr '\\0' ' ' < /proc/1/cmdline") == "sleep 1000 "
    assert sh(engine, "hostname") == web[:12]


@pytest.mark.parametrize("kind", ["user", "mnt", "pid", "ipc", "uts", "net", "cgroup"])
def test_it_is_in_every_namespace_of_the_container(engine, web, kind):
    assert sh(engine, f"readlink /proc/1/ns/{kind}") == sh(engine, f"readlink /proc/self/ns/{kind}")


def test_it_has_no_more_rights_than_the_container(engine, web):
    script = "grep -E 'CapEff|CapBnd|NoNewPrivs|^Seccomp:' /proc/{}/status"
    assert sh(engine, script.format("self")) == sh(engine, script.format(1))


def test_privileged_gives_it_all_capabilities_and_the_container_none(engine, web):
    script = "grep CapEff /proc/{}/status | cut -f2"
    mask = int(sh(engine, script.format("self"), privileged=True), 16)
    assert bin(mask).count("1") > 35
    assert int(sh(engine, script.format(1)), 16) != mask


def test_both_streams_the_code_and_the_input_pass(engine, web):
    done = engine.exec("web", ["sh", "-c", "cat; echo err >&2; exit 7"], stdin=b"given")
    assert (done.exit_code, done.stdout, done.stderr) == (7, b"given", b"err\n")


def test_directory_environment_and_user_are_those_asked_for(engine, web):
    shown = sh(engine, "pwd; echo $A-$B", workdir="/tmp", env=["A=1", "B="])
    assert shown == "/tmp\n1-"


@needs("subuid" if os.geteuid() else "root")
def test_a_user_is_who_the_image_says(engine, web):
    assert sh(engine, "id -u; id -g", user="nobody") == "65534\n65534"


def test_a_detached_one_gives_an_id_and_runs_on(engine, web):
    started = engine.exec("web", ["sh", "-c", "echo done > /tmp/done"], detach=True)
    assert isinstance(started, str)
    assert sh(engine, "until test -s /tmp/done; do :; done; cat /tmp/done") == "done"


def test_a_terminal_is_one(engine, web):
    session = engine.exec_session(
        "web", ["sh", "-c", "tty; stty size 2>/dev/null || true"], tty=True
    )
    out = b""
    while (chunk := session.read(timeout=20)) is not None:
        out += chunk.data
    assert session.wait() == 0
    assert out.startswith(b"/dev/pts/")


def test_many_at_once_all_come_back(engine, web):
    found = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(sh(engine, f"echo {n}")))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found, key=int) == [str(number) for number in range(20)]


@pytest.mark.parametrize(
    ("command", "error", "code"),
    [
        (["no-such"], CommandNotFound, 127),
        (["/etc/passwd"], NotExecutable, 126),
        (["/"], NotExecutable, 126),
    ],
)
def test_what_cannot_be_executed_has_its_code_and_harms_nothing(engine, web, command, error, code):
    with pytest.raises(error) as caught:
        engine.exec("web", command)
    assert caught.value.exit_code == code
    assert sh(engine, "echo alive") == "alive"


def test_a_container_that_is_not_running_refuses(engine):
    name = engine.create("toolbox", ["true"], name="idle").id
    with pytest.raises(WrongStatus, match="is not running"):
        engine.exec(name, ["true"])


def test_a_working_directory_that_is_not_there_is_said_and_not_made(engine, web):
    with pytest.raises(StepFailed, match=r'chdir to cwd \("/nope"\) failed: no such file') as none:
        engine.exec(web, ["pwd"], workdir="/nope")
    with pytest.raises(InvalidArgument, match="unable to find user nobody-here") as nobody:
        engine.exec(web, ["pwd"], user="nobody-here")
    assert (none.value.exit_code, nobody.value.exit_code) == (127, 126)
    assert engine.exec(web, ["test", "-e", "/nope"]).exit_code == 1


def test_a_variable_that_is_not_set_here_is_not_set_there(engine, web):
    assert sh(engine, "echo ${NBC_UNSET-none}", env=["NBC_UNSET"]) == "none"


def test_a_command_may_be_one_text(engine, web):
    assert engine.exec(web, "echo 'a  b' c").stdout == b"a  b c\n"
    with pytest.raises(InvalidArgument, match="No closing quotation"):
        engine.exec(web, "echo 'a")


def test_a_paused_container_refuses_and_says_what_to_do(engine, web):
    check("cgroup")
    engine.pause("web")
    with pytest.raises(WrongStatus, match="is paused"):
        engine.exec("web", ["true"])
    engine.unpause("web")
    assert sh(engine, "echo on") == "on"


def test_an_unknown_container_is_told_in_dockers_words(engine):
    with pytest.raises(ContainerNotFound, match="No such container: nobody"):
        engine.exec("nobody", ["true"])


def test_an_unknown_user_is_refused(engine, web):
    with pytest.raises(EngineError, match="unable to find user nemo"):
        engine.exec("web", ["true"], user="nemo")


def test_it_ends_with_its_container(engine, web):
    session = engine.exec_session("web", ["sleep", "1000"])
    engine.kill("web")
    while session.read(timeout=20) is not None:
        pass
    assert session.wait() == 137
