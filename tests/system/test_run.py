"""What the flags of `run` and `create` do to a real container."""

import hashlib
import os
import stat

import pytest

from nbcontainer.errors import (
    CommandNotFound,
    ContainerFailed,
    EngineError,
    HostLacks,
    InvalidArgument,
    NameInUse,
    NotExecutable,
    Unsupported,
)
from nbcontainer.results import Completed, Container
from tests.needs import check, needs, why_not
from tests.system.inside import ask

pytestmark = needs("userns")


def sh(engine, script, image="toolbox", **flags):
    """Run a line of shell; return what it wrote, without the last newline."""
    flags.setdefault("rm", True)
    flags.setdefault("network", "none")
    done = engine.run(image, ["sh", "-c", script], **flags)
    assert isinstance(done, Completed)
    assert done.exit_code == 0, done.stderr.decode()
    return done.stdout.decode().rstrip("\n")


def test_both_streams_and_the_exit_code_come_back(engine):
    done = engine.run("toolbox", ["sh", "-c", "echo out; echo err >&2; exit 3"], rm=True)
    assert (done.exit_code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_a_check_turns_a_bad_exit_code_into_an_error(engine):
    with pytest.raises(ContainerFailed) as caught:
        engine.run("toolbox", ["sh", "-c", "exit 3"], rm=True, check=True)
    assert caught.value.exit_code == 3


def test_a_signal_ends_as_a_shell_counts(engine):
    done = engine.run("toolbox", ["sh", "-c", "sleep 100 & kill -15 $!; wait $!"], rm=True)
    assert done.exit_code == 143
    name = engine.run("toolbox", ["sleep", "100"], detach=True).id
    engine.kill(name)
    assert engine.wait(name) == [137]


def test_input_is_read_to_its_end(engine):
    data = os.urandom(300_000)
    done = engine.run("toolbox", ["sha256sum"], stdin=data, rm=True)
    assert done.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_without_input_a_program_reads_the_end_at_once(engine):
    assert sh(engine, "cat | wc -c") == "0"


def test_a_lot_of_output_arrives_whole(engine):
    done = engine.run("toolbox", ["sh", "-c", "seq 200000"], rm=True)
    assert done.stdout.splitlines()[-1] == b"200000"
    assert len(done.stdout.splitlines()) == 200000


def test_a_detached_container_runs_on_under_its_name(engine):
    made = engine.run("toolbox", ["sleep", "100"], detach=True, name="web")
    assert isinstance(made, Container)
    (row,) = engine.ps()
    assert (row["Names"], row["State"]) == ("web", "running")


def test_a_name_in_use_is_refused_in_dockers_words_and_nothing_is_made(engine):
    engine.create("toolbox", ["true"], name="web")
    with pytest.raises(NameInUse, match='The container name "/web" is already in use'):
        engine.create("toolbox", ["true"], name="web")
    assert len(engine.ps(all=True)) == 1


def test_the_environment_comes_from_the_image_and_the_flags(engine, tmp_path, store, monkeypatch):
    file = tmp_path / "env"
    file.write_text("# a comment\nFROM_FILE=1\nBOTH=file\n")
    script = 'echo "$FROM_FILE $BOTH $EMPTY-$PATH" | cut -c1-20; echo $HOSTNAME'
    shown = sh(engine, script, env=["BOTH=flag", "EMPTY="], env_file=[str(file)], hostname="box")
    assert shown == "1 flag -/usr/local/s\nbox"


def test_working_directory_is_made_if_it_is_missing(engine):
    assert sh(engine, "pwd", workdir="/new/deep") == "/new/deep"


@pytest.mark.parametrize(
    ("user", "shown"),
    [("nobody", "65534:65534"), ("33", "33:33"), ("5:6", "5:6"), ("www-data:tty", "33:5")],
)
@needs("subuid" if os.geteuid() else "root")
def test_a_user_is_who_the_image_says(engine, user, shown):
    assert sh(engine, "echo $(id -u):$(id -g)", user=user) == shown


def test_an_unknown_user_is_refused_in_dockers_words(engine):
    with pytest.raises(
        EngineError, match="unable to find user nemo: no matching entries in passwd"
    ):
        engine.run("toolbox", ["true"], user="nemo", rm=True)


def test_an_entrypoint_takes_the_command_as_its_arguments(engine):
    done = engine.run("toolbox", ["a", "b"], entrypoint="echo", rm=True)
    assert done.stdout == b"a b\n"


def test_the_host_name_stands_in_every_place(engine):
    assert sh(engine, "hostname; cat /etc/hostname; grep -c box /etc/hosts", hostname="box") == (
        "box\nbox\n1"
    )


def test_added_hosts_and_resolvers_stand_in_their_files(engine):
    shown = sh(
        engine, "grep db /etc/hosts; cat /etc/resolv.conf",
        add_host=["db:10.0.0.5"], dns=["192.0.2.9"], dns_search=["example.org"],
    )  # fmt: skip
    assert "10.0.0.5\tdb" in shown
    assert "nameserver 192.0.2.9" in shown
    assert "search example.org" in shown


def test_a_read_only_root_takes_nothing_but_what_is_mounted(engine):
    shown = sh(
        engine, "touch /x 2>/dev/null || echo refused; touch /tmp/x && echo taken",
        read_only=True, tmpfs=["/tmp"],
    )  # fmt: skip
    assert shown == "refused\ntaken"


def test_a_tmpfs_has_the_size_and_options_that_were_asked_for(engine):
    shown = sh(engine, "grep ' /scratch ' /proc/mounts", tmpfs=["/scratch:size=1m,mode=700,exec"])
    assert "size=1024k" in shown
    assert "mode=700" in shown
    assert "noexec" not in shown


def test_shared_memory_has_the_size_that_was_asked_for(engine):
    assert "size=2048k" in sh(engine, "grep /dev/shm /proc/mounts", shm_size="2m")


def test_a_bind_shows_the_hosts_files_and_writes_back(engine, tmp_path):
    (tmp_path / "in").write_text("from the host")
    script = "cat /data/in; echo from inside > /data/out"
    assert sh(engine, script, volume=[f"{tmp_path}:/data"]) == "from the host"
    out = tmp_path / "out"
    assert out.read_text() == "from inside\n"
    assert out.stat().st_uid == os.geteuid()


def test_a_read_only_bind_takes_nothing(engine, tmp_path):
    script = "touch /data/x 2>/dev/null || echo refused"
    assert sh(engine, script, volume=[f"{tmp_path}:/data:ro"]) == "refused"
    mount = f"type=bind,source={tmp_path},target=/data,readonly"
    assert sh(engine, script, mount=[mount]) == "refused"


def test_a_bind_source_that_is_missing_is_refused(engine, tmp_path):
    mount = f"type=bind,source={tmp_path}/absent,target=/data"
    with pytest.raises(InvalidArgument, match="bind source path does not exist"):
        engine.run("toolbox", ["true"], mount=[mount], rm=True)
    assert engine.ps(all=True).ids == []


def test_a_named_volume_outlives_its_container_and_begins_with_the_images_files(engine):
    sh(engine, "echo kept > /etc/kept", volume=["conf:/etc"])
    assert sh(engine, "cat /conf/kept; ls /conf/passwd", volume=["conf:/conf"]) == (
        "kept\n/conf/passwd"
    )


def test_limits_stand_in_the_containers_own_group(engine):
    check("cgroup")
    shown = ask(
        engine,
        "paths = ['/sys/fs/cgroup/memory/memory.limit_in_bytes', '/sys/fs/cgroup/memory.max']\n"
        "pids = ['/sys/fs/cgroup/pids/pids.max', '/sys/fs/cgroup/pids.max']\n"
        "first = lambda names: next(int(read(n)) for n in names if os.path.exists(n))\n"
        "answer([first(paths), first(pids)])",
        memory="64m",
        pids_limit=77,
    )
    assert shown == [64 << 20, 77]


def test_a_limit_that_cannot_be_kept_is_refused_and_never_dropped(engine):
    if why_not("cgroup") is None:
        pytest.skip("limits can be kept here")
    with pytest.raises(HostLacks) as caught:
        engine.run("toolbox", ["true"], memory="64m", rm=True)
    assert "memory" in str(caught.value) + str(caught.value.hint)


def test_too_much_memory_ends_the_program_and_is_told(engine):
    check("cgroup")
    name = engine.run(
        "python", ["python3", "-c", "x = bytearray(200 << 20); print(len(x))"],
        detach=True, memory="32m", memory_swap="32m",
    ).id  # fmt: skip
    assert engine.wait(name) == [137]
    assert engine.inspect(name)[0]["State"]["OOMKilled"] is True


def test_ulimits_are_set_and_clamped_to_the_hosts(engine):
    assert sh(engine, "ulimit -n; ulimit -Hn", ulimit=["nofile=64:128"]) == "64\n128"
    assert int(sh(engine, "ulimit -Hn", ulimit=["nofile=1000000000"])) > 0


def test_capabilities_are_those_that_were_asked_for(engine):
    script = "grep CapEff /proc/self/status | tr -d '\\t' | cut -d: -f2"
    assert int(sh(engine, script, cap_drop=["ALL"]), 16) == 0
    assert int(sh(engine, script, cap_drop=["ALL"], cap_add=["NET_ADMIN"]), 16) == 1 << 12
    assert bin(int(sh(engine, script), 16)).count("1") == 11


def test_no_new_privileges_can_be_turned_off_by_name(engine):
    script = "grep NoNewPrivs /proc/self/status | cut -f2"
    assert sh(engine, script) == "1"
    assert sh(engine, script, security_opt=["no-new-privileges=false"]) == "0"


def test_seccomp_can_be_turned_off_by_name(engine):
    script = "grep '^Seccomp:' /proc/self/status | cut -f2"
    assert sh(engine, script) == "2"
    if os.geteuid() == 0:
        assert sh(engine, script, security_opt=["seccomp=unconfined"]) == "0"


def test_privileged_is_all_capabilities_in_the_same_user_namespace(engine):
    script = "grep CapEff /proc/self/status | tr -d '\\t' | cut -d: -f2; cat /proc/self/uid_map"
    mask, uid_map = sh(engine, script, privileged=True).split("\n")[:2]
    assert bin(int(mask, 16)).count("1") > 35
    assert uid_map.split()[2] != "4294967295"


def test_init_reaps_orphans_and_passes_signals(engine):
    name = engine.run(
        "toolbox", ["sh", "-c", "(sleep 0.01 &) ; trap 'exit 9' TERM; while :; do sleep 0.05; done"],
        detach=True, init=True,
    ).id  # fmt: skip
    assert engine.exec(name, ["sh", "-c", "cat /proc/1/cmdline | tr '\\0' ' '"]).exit_code == 0
    engine.stop(name, time=5)
    assert engine.inspect(name)[0]["State"]["ExitCode"] == 9


def test_the_hosts_network_is_shared_when_asked_for(engine):
    own = os.readlink("/proc/self/ns/net")
    assert sh(engine, "readlink /proc/self/ns/net", network="host") == own
    assert sh(engine, "readlink /proc/self/ns/net") != own
    assert sh(engine, "ls /sys/class/net", network="none") == "lo"


def test_a_container_can_join_anothers_processes(engine):
    engine.run("toolbox", ["sleep", "1234"], detach=True, name="first")
    shown = sh(engine, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '", pid="container:first")
    assert "sleep 1234" in shown


def test_a_container_file_holds_the_id_and_is_never_overwritten(engine, tmp_path):
    path = tmp_path / "cid"
    made = engine.create("toolbox", ["true"], cidfile=str(path))
    assert path.read_text() == made.id
    with pytest.raises(EngineError, match="cid"):
        engine.create("toolbox", ["true"], cidfile=str(path))


@needs("root")
def test_a_device_is_there_when_asked_for(engine):
    assert (
        sh(engine, "test -c /dev/full2 && echo there", device=["/dev/full:/dev/full2"]) == "there"
    )


@pytest.mark.parametrize(
    ("command", "error", "code"),
    [
        (["nothing-of-that-name"], CommandNotFound, 127),
        (["/no/such/file"], CommandNotFound, 127),
        (["/etc/passwd"], NotExecutable, 126),
        (["/etc"], NotExecutable, 126),
    ],
)
def test_a_command_that_cannot_be_executed_has_its_code_and_leaves_nothing(
    engine, command, error, code
):
    with pytest.raises(error) as caught:
        engine.run("toolbox", command, rm=True)
    assert caught.value.exit_code == code
    assert engine.ps(all=True).ids == []


@pytest.mark.parametrize("flag", [{"link": "db"}, {"gpus": "all"}, {"group_add": "7"}])
def test_what_is_not_supported_says_so_by_name(engine, flag):
    with pytest.raises((Unsupported, InvalidArgument, TypeError)) as caught:
        engine.run("toolbox", ["true"], rm=True, **flag)
    assert next(iter(flag)).replace("_", "-") in str(caught.value)
    assert engine.ps(all=True).ids == []


def test_the_containers_devices_are_devices(engine):
    shown = ask(
        engine,
        "answer({n: stat.S_ISCHR(os.stat('/dev/' + n).st_mode) for n in "
        "('null', 'zero', 'full', 'random', 'urandom', 'tty')})",
    )
    assert all(shown.values())


def test_nothing_of_a_container_is_on_the_disk_after_rm(engine, store):
    sh(engine, "echo x > /file")
    assert os.listdir(store.layout.containers) == []
    assert stat.S_IMODE(os.stat(store.home).st_mode) == 0o700
