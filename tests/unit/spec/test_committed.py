from __future__ import annotations

from typing import Any

from nbcontainer.spec.committed import container_image, with_layer
from nbcontainer.spec.digest import sha256
from nbcontainer.spec.image import History, ImageConfig
from nbcontainer.spec.runtime import Healthcheck, Mount, RuntimeConfig

PATH = "/usr/bin:/bin"


def container(**fields: Any) -> RuntimeConfig:
    values: dict[str, Any] = {
        "id": "c" * 64,
        "name": "web",
        "image": "base",
        "image_id": "sha256:" + "0" * 64,
        "created_ns": 1,
        "layers": (),
        "args": ("sh",),
        "cmd": ("sh",),
        "hostname": "cccccccccccc",
        "env": (f"PATH={PATH}", "HOSTNAME=cccccccccccc"),
    }
    return RuntimeConfig(**{**values, **fields})


def made(base: ImageConfig | None = None, **fields: Any) -> ImageConfig:
    return container_image(container(**fields), base or ImageConfig(), PATH)


def test_what_a_start_adds_to_the_environment_stays_out() -> None:
    env = (f"PATH={PATH}", "HOSTNAME=cccccccccccc", "TERM=xterm", "A=1")
    assert made(env=env, tty=True).env == ("A=1",)
    assert made(env=env).env == ("TERM=xterm", "A=1")
    assert made(ImageConfig(env=(f"PATH={PATH}",)), env=env).env[0] == f"PATH={PATH}"
    assert made(env=("HOSTNAME=mine",)).env == ("HOSTNAME=mine",)


def test_what_the_user_gave_is_in_the_image() -> None:
    found = made(
        cmd=("b",),
        entrypoint=("a",),
        cwd="/w",
        user="5",
        labels={"x": "y"},
        exposed_ports=("80/tcp",),
        stop_signal="SIGQUIT",
        mounts=(
            Mount("volume", "/anonymous", "f" * 64, anonymous=True),
            Mount("volume", "/named", "data"),
            Mount("bind", "/bound", "/host"),
        ),
    )
    assert (found.cmd, found.entrypoint, found.working_dir, found.user) == (
        ("b",),
        ("a",),
        "/w",
        "5",
    )
    assert found.labels == {"x": "y"}
    assert found.exposed_ports == ("80/tcp",)
    assert found.stop_signal == "SIGQUIT"
    assert found.volumes == ("/anonymous",)


def test_defaults_of_a_container_are_not_written_into_its_image() -> None:
    found = made()
    assert found.working_dir == ""
    assert found.stop_signal == ""
    assert found.healthcheck is None


def test_a_check_that_was_switched_off_stays_off() -> None:
    base = ImageConfig(healthcheck=Healthcheck(test=("CMD", "x")))
    found = made(base).healthcheck
    assert found is not None
    assert found.test == ("NONE",)
    kept = Healthcheck(test=("CMD", "y"))
    assert made(base, healthcheck=kept).healthcheck == kept


def test_triggers_labels_of_ours_and_stale_members_are_not_inherited() -> None:
    base = ImageConfig(on_build=("RUN x",), extra={"container": "id", "custom": 1}, shell=("ash",))
    config = container(labels={"ours": "1", "theirs": "2"})
    found = container_image(config, base, PATH, ("ours",))
    assert found.on_build == ()
    assert found.extra == {"custom": 1}
    assert found.shell == ("ash",)
    assert found.labels == {"theirs": "2"}


def test_a_layer_comes_with_its_line_of_history() -> None:
    first, second = sha256(b"1"), sha256(b"2")
    base = ImageConfig(diff_ids=(first,), history=(History("then", "step"),), author="them")
    words = {"created": "now", "author": "me", "comment": "why", "created_by": "sh"}
    found = with_layer(base, second, **words)
    assert found.diff_ids == (first, second)
    assert found.history[-1] == History("now", "sh", "me", "why")
    assert (found.created, found.author) == ("now", "me")
    same = with_layer(base, None, **words)
    assert same.diff_ids == (first,)
    assert same.history[-1].empty_layer
