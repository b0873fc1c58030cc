"""The sentences are those of Docker 28's client and 20.10's daemon, taken down from them."""

from __future__ import annotations

import pytest

from nbcontainer.errors import InvalidArgument, Unsupported, UsageError
from nbcontainer.spec.create import DEFAULT_PATH, Outside, runtime_config
from nbcontainer.spec.create_flags import CreateFlags
from nbcontainer.spec.image import ImageConfig
from nbcontainer.spec.network import Attachment, PortBinding
from nbcontainer.spec.runtime import Healthcheck, Mount, RuntimeConfig, Ulimit

ID = "0123456789abcdef" * 4
FILES = {"profile.json": '{ "defaultAction": "SCMP_ACT_ALLOW" }', "env": "# no\nA=file\nB\nHERE\n"}
IMAGE = ImageConfig(
    cmd=("sh",),
    env=("A=image", "PATH=/bin"),
    labels={"x": "y"},
    exposed_ports=("80/tcp",),
    volumes=("/data",),
)


def read(path: str) -> str:
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory", path)
    return FILES[path]


def make(
    image: ImageConfig = IMAGE, command: tuple[str, ...] = (), **flags: object
) -> RuntimeConfig:
    names = iter(["f" * 64, "e" * 64, "d" * 64])
    return runtime_config(
        CreateFlags(**flags),  # type: ignore[typeddict-item]
        image,
        id=ID,
        name="web",
        image_text="bb:1",
        image_id="sha256:" + "a" * 64,
        layers=(),
        created_ns=1,
        command=command,
        outside=Outside(
            {"HERE": "outside"},
            read,
            lambda: next(names),
            "/home/me",
            cpus_online=2,
            host_name="vm",
        ),
    )


def test_a_plain_container_takes_everything_from_the_image() -> None:
    config = make()
    assert config.args == ("sh",)
    assert config.cmd == ("sh",)
    assert config.entrypoint == ()
    assert config.env == ("PATH=/bin", "HOSTNAME=0123456789ab", "A=image")
    assert config.hostname == "0123456789ab"
    assert config.cwd == "/"
    assert config.labels == {"x": "y"}
    assert config.exposed_ports == ("80/tcp",)
    assert config.mounts == (Mount("volume", "/data", "f" * 64, anonymous=True, asked_by="VOLUME"),)
    assert config.stop_signal == "SIGTERM"
    assert config.platform == "linux/amd64"
    assert config.namespaces.network == "default"
    assert config.networks == (Attachment("bridge"),)


def test_the_environment_is_merged_in_dockers_order() -> None:
    config = make(ImageConfig(cmd=("sh",)), tty=True, env=["A=1", "HERE", "GONE"], env_file="env")
    assert config.env == (
        f"PATH={DEFAULT_PATH}",
        "HOSTNAME=0123456789ab",
        "TERM=xterm",
        "A=1",
        "HERE=outside",
    )


def test_a_bare_name_that_is_not_set_outside_unsets_the_images() -> None:
    assert "A=image" not in make(env=["A"]).env


def test_env_may_be_a_mapping_in_python() -> None:
    assert "N=1" in make(env={"N": 1}).env


@pytest.mark.parametrize(
    ("flags", "command", "args"),
    [
        ({}, ("ls",), ("/init", "ls")),
        ({}, (), ("/init", "sh")),
        ({"entrypoint": "cat"}, (), ("cat",)),
        ({"entrypoint": "cat"}, ("f",), ("cat", "f")),
        ({"entrypoint": ""}, ("ls",), ("ls",)),
    ],
)
def test_an_entrypoint_of_the_users_drops_the_images_command(
    flags: dict[str, object], command: tuple[str, ...], args: tuple[str, ...]
) -> None:
    assert make(ImageConfig(entrypoint=("/init",), cmd=("sh",)), command, **flags).args == args


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"entrypoint": ""}, "no command specified"),
        ({"memory": "1m"}, "Minimum memory limit allowed is 6MB"),
        (
            {"memory": "10m", "memory_swap": "5m"},
            "Minimum memoryswap limit should be larger than memory limit, see usage",
        ),
        (
            {"memory_swap": "5m"},
            "You should always set the Memory limit when using Memoryswap limit, see usage",
        ),
        ({"memory": "abc"}, "invalid argument \"abc\" for \"-m, --memory\" flag: invalid size: 'abc'"),
        (
            {"cpus": "3"},
            "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available",
        ),
        (
            {"cpus": "1", "cpu_quota": 1000},
            "Conflicting options: Nano CPUs and CPU Quota cannot both be set",
        ),
        ({"cpu_quota": 10}, "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
        (
            {"cpu_period": 10},
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        ),
        (
            {"cpuset_cpus": "9"},
            "Requested CPUs are not available - requested 9, available: 0-1",
        ),
        ({"cpuset_cpus": "x"}, "Invalid value x for cpuset cpus: invalid format: x"),
        ({"restart": "foo"}, "invalid restart policy 'foo'"),
        (
            {"restart": "always:3"},
            "maximum retry count cannot be used with restart policy 'always'",
        ),
        (
            {"restart": "on-failure:x"},
            "invalid restart policy format: maximum retry count must be an integer",
        ),
        ({"restart": "on-failure:-3"}, "maximum retry count cannot be negative"),
        (
            {"restart": "always", "rm": True},
            "conflicting options: cannot specify both --restart and --rm",
        ),
        ({"stop_signal": "FOO"}, "Invalid signal: FOO"),
        (
            {"workdir": "rel"},
            "the working directory 'rel' is invalid, it needs to be an absolute path",
        ),
        ({"health_cmd": "x", "no_healthcheck": True}, "--no-healthcheck conflicts with --health-* options"),
        (
            {"health_cmd": "x", "health_interval": "1us"},
            "Interval in Healthcheck cannot be less than 1ms",
        ),
        ({"health_cmd": "x", "health_retries": -1}, "--health-retries cannot be negative"),
        ({"security_opt": "foo"}, 'Invalid --security-opt: "foo"'),
        (
            {"security_opt": "seccomp=nope"},
            "opening seccomp profile (nope) failed: open nope: no such file or directory",
        ),
        ({"userns": "foo"}, "--userns: invalid USER mode"),
        ({"pid": "foo"}, "--pid: invalid PID mode"),
        ({"uts": "host", "hostname": "a"}, "conflicting options: hostname and the UTS mode"),
        (
            {"network": "container:"},
            "Invalid network mode: invalid container format container:<name|id>",
        ),
        (
            {"network": ["none", "host"]},
            "Container cannot be connected to network endpoints: host, none",
        ),
        (
            {"network": "container:a", "add_host": "a:1.1.1.1"},
            "conflicting options: custom host-to-IP mapping and the network mode",
        ),
        ({"env": "=x"}, 'invalid argument "=x" for "-e, --env" flag: invalid environment variable: =x'),
        ({"env_file": "nope"}, "open nope: no such file or directory"),
        ({"label": "=x"}, "invalid argument \"=x\" for \"-l, --label\" flag: "
         "invalid label '=x': empty name"),
        ({"attach": "foo"}, 'invalid argument "foo" for "-a, --attach" flag: '
         'valid streams are STDIN, STDOUT and STDERR'),
        ({"add_host": "x"}, 'invalid argument "x" for "--add-host" flag: bad format for add-host: "x"'),
        ({"add_host": "x:zz"}, 'invalid argument "x:zz" for "--add-host" flag: '
         'invalid IP address in add-host: "zz"'),
        ({"dns": "foo"}, 'invalid argument "foo" for "--dns" flag: '
         'IP address is not correctly formatted: foo'),
        ({"ulimit": "nofile"}, 'invalid argument "nofile" for "--ulimit" flag: '
         'invalid ulimit argument: nofile'),
        ({"ulimit": "foo=1"}, 'invalid argument "foo=1" for "--ulimit" flag: invalid ulimit type: foo'),
        (
            {"ulimit": "nofile=10:5"},
            'invalid argument "nofile=10:5" for "--ulimit" flag: '
            "ulimit soft limit must be less than or equal to hard limit: 10 > 5",
        ),
        ({"device": "/dev/null:/dev/x:q"}, "bad mode specified: q"),
        ({"log_opt": "foo=1"}, "unknown log opt 'foo' for json-file log driver"),
        ({"log_opt": "max-size=xx"}, "invalid value for max-size: xx"),
        ({"hostname": "a/b"}, "invalid hostname: a/b"),
    ],
)  # fmt: skip
def test_what_docker_refuses_is_refused_in_its_words(
    flags: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        make(**flags)
    assert caught.value.message == message


@pytest.mark.parametrize("name", ["a", "a/b", "-a", "", "ü1"])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument, match=r"only \[a-zA-Z0-9\]\[a-zA-Z0-9_\.-\] are allowed"):
        runtime_config(
            {},
            IMAGE,
            id=ID,
            name=name,
            image_text="bb",
            image_id="",
            layers=(),
            created_ns=1,
            outside=Outside({}, read, str),
        )


def test_a_flag_that_is_not_offered_is_refused_by_name() -> None:
    with pytest.raises(Unsupported, match="--link is not supported"):
        make(link=["db"])
    with pytest.raises(UsageError, match="unknown flag: --colour"):
        make(colour="red")


def test_memory_alone_allows_as_much_swap_again() -> None:
    limits = make(memory="64m").resources
    assert (limits.memory_bytes, limits.memory_swap_bytes) == (64 << 20, 128 << 20)
    assert make(memory="64m", memory_swap="-1").resources.memory_swap_bytes == -1


def test_cpus_become_quota_and_period() -> None:
    limits = make(cpus=1.5).resources
    assert (limits.cpu_quota_us, limits.cpu_period_us) == (150_000, 100_000)
    assert limits.nano_cpus == 1_500_000_000


def test_pids_limit_zero_means_without_limit_as_in_docker() -> None:
    assert make().resources.pids_limit == 0
    assert make(pids_limit=0).resources.pids_limit == -1
    assert make(pids_limit=100).resources.pids_limit == 100


def test_privileged_gives_the_filter_away_and_an_option_keeps_it() -> None:
    security = make(privileged=True).security
    assert (security.seccomp, security.no_new_privileges) == ("unconfined", False)
    kept = make(
        privileged=True, security_opt=["no-new-privileges", "seccomp=profile.json"]
    ).security
    assert kept.no_new_privileges
    assert kept.seccomp == '{"defaultAction":"SCMP_ACT_ALLOW"}'


def test_capability_names_are_written_in_one_way() -> None:
    security = make(cap_add=["net_admin", "CAP_SYS_TIME"], cap_drop="all").security
    assert security.cap_add == ("CAP_NET_ADMIN", "CAP_SYS_TIME")
    assert security.cap_drop == ("ALL",)


def test_a_health_check_is_joined_with_the_images_field_by_field() -> None:
    image = ImageConfig(
        cmd=("sh",), healthcheck=Healthcheck(("CMD", "curl"), interval_s=7.0, retries=9)
    )
    assert make(image, health_timeout="2s").healthcheck == Healthcheck(
        ("CMD", "curl"), interval_s=7.0, timeout_s=2.0, retries=9
    )
    assert make(image, no_healthcheck=True).healthcheck is None
    assert make(ImageConfig(cmd=("sh",)), health_cmd="true").healthcheck == Healthcheck(
        ("CMD-SHELL", "true")
    )


def test_shared_namespaces_keep_the_name_for_the_engine_to_resolve() -> None:
    spaces = make(pid="container:db", ipc="host", userns="host", network="host").namespaces
    assert (spaces.pid, spaces.ipc, spaces.user) == ("container:db", "host", "host")


def test_networks_and_ports_are_what_their_flags_say() -> None:
    config = make(
        network=["front", "back"], network_alias="www", publish=["8080:80"], ip="10.0.0.9"
    )
    assert config.namespaces.network == "front"
    assert config.networks == (Attachment("front", ("www",), "10.0.0.9"), Attachment("back"))
    assert config.publish == (PortBinding(80, "tcp", "", 8080),)
    assert make(publish_all=True).publish_all


def test_a_container_in_the_hosts_network_has_the_hosts_name() -> None:
    assert make(network="host").hostname == "vm"
    assert make(network="host", hostname="own").hostname == "own"


def test_hosts_may_be_given_with_a_colon_an_equals_sign_or_the_gateway() -> None:
    config = make(add_host=["a:1.2.3.4", "b=[::1]", "c:host-gateway", "d:fe80::1"])
    assert config.extra_hosts == ("a:1.2.3.4", "b:::1", "c:host-gateway", "d:fe80::1")


def test_the_last_ulimit_of_a_name_counts() -> None:
    config = make(ulimit=["nofile=10:20", "core=-1", "nofile=5"])
    assert config.ulimits == (Ulimit("nofile", 5, 5), Ulimit("core", -1, -1))


def test_an_image_with_a_bad_stop_signal_gets_the_usual_one() -> None:
    assert make(ImageConfig(cmd=("sh",), stop_signal="SIGNOPE")).stop_signal == "SIGTERM"
    assert make(ImageConfig(cmd=("sh",), stop_signal="3")).stop_signal == "SIGQUIT"
    assert make(stop_signal="int").stop_signal == "SIGINT"


def test_a_flag_given_as_none_is_not_given() -> None:
    assert make(memory=None, entrypoint=None) == make()
