"""cp both ways, with containers that run and those that do not; and what hostile ones try."""

from __future__ import annotations

import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbcontainer.engine import Engine
from nbcontainer.errors import ContainerNotFound, EngineError, InvalidArgument, NotFound
from tests.needs import needs
from tests.stores import Store

pytestmark = needs("userns")


@pytest.fixture(params=["running", "stopped"])
def container(request: pytest.FixtureRequest, engine: Engine) -> Iterator[str]:
    """A container with a volume at /data and a link /etc/link -> /srv; running, or never started."""
    flags = {"name": "box", "volume": "vol:/data", "network": "none"}
    engine.run("toolbox", ["sh", "-c", "mkdir -p /srv; ln -s /srv /etc/link"], name="made")
    engine.commit("made", "base:1")
    engine.rm("made")
    if request.param == "running":
        engine.run("base:1", ["sleep", "1000"], detach=True, **flags)  # type: ignore[arg-type]
    else:
        engine.create("base:1", ["sleep", "1000"], **flags)  # type: ignore[arg-type]
    yield "box"
    engine.rm("box", force=True)


@pytest.fixture
def look(engine: Engine, container: str) -> Callable[[str], str]:
    """Return what a command prints in the container, started for it where it does not run."""

    def run(command: str) -> str:
        if engine.ps(filter="name=box")["Names"] != ["box"]:
            engine.start("box")
        done = engine.exec("box", ["sh", "-c", command])
        assert done.exit_code == 0, done.stderr  # type: ignore[union-attr]
        return done.stdout.decode()  # type: ignore[union-attr]

    return run


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    (top / "sub").mkdir(parents=True)
    (top / "a").write_text("hello")
    (top / "a").chmod(0o640)
    os.utime(top / "a", (1000, 1000))
    (top / "sub/b").write_bytes(os.urandom(300_000))
    (top / "l").symlink_to("a")
    os.link(top / "a", top / "h")
    return top


def test_a_tree_goes_in_and_comes_out_as_it_was(
    engine: Engine, container: str, look: Callable[[str], str], tree: Path, tmp_path: Path
) -> None:
    size = engine.cp(str(tree), f"{container}:/srv")
    assert size >= 300_005
    assert engine.cp(f"{container}:/srv/tree", str(tmp_path / "out")) >= 300_005
    out = tmp_path / "out"
    assert (out / "sub/b").read_bytes() == (tree / "sub/b").read_bytes()
    assert os.readlink(out / "l") == "a"
    assert (out / "a").stat().st_mode & 0o7777 == 0o640
    assert (out / "a").stat().st_mtime == 1000
    assert (out / "h").samefile(out / "a")
    assert out.stat().st_uid == os.geteuid()
    said = look("cat /srv/tree/a; stat -c '%u:%g %a' /srv/tree/a; readlink /srv/tree/l")
    assert said == "hello0:0 640\na\n"


def test_dockers_cases_hold(
    engine: Engine, container: str, look: Callable[[str], str], tree: Path, tmp_path: Path
) -> None:
    engine.cp(str(tree / "a"), f"{container}:/srv/new")
    engine.cp(str(tree / "a"), f"{container}:/srv")
    engine.cp(f"{tree}/.", f"{container}:/srv")
    engine.cp(str(tree / "a"), f"{container}:/etc/link")  # a link to a directory is followed
    engine.cp(str(tree), f"{container}:/srv/made")
    with pytest.raises(InvalidArgument, match="cannot copy directory"):
        engine.cp(str(tree), f"{container}:/srv/new")
    with pytest.raises(NotFound, match=f"{container}:/srv/none/: no such directory"):
        engine.cp(str(tree / "a"), f"{container}:/srv/none/")
    with pytest.raises(NotFound, match="Could not find the file /none in container box"):
        engine.cp(str(tree / "a"), f"{container}:/none/x")
    with pytest.raises(InvalidArgument, match=r"lstat .*: no such file or directory"):
        engine.cp(str(tree / "none"), f"{container}:/srv")
    with pytest.raises(NotFound, match="Could not find the file /none in container box"):
        engine.cp(f"{container}:/none", str(tmp_path))
    with pytest.raises(ContainerNotFound):
        engine.cp("nobody:/x", str(tmp_path))
    with pytest.raises(InvalidArgument, match="does not exist"):
        engine.cp(f"{container}:/srv/a", str(tmp_path / "no/such"))
    with pytest.raises(InvalidArgument, match="cannot overwrite"):
        engine.cp(str(_file_named(tmp_path, "srv")), f"{container}:/")
    assert look("cd /srv; ls; ls made; cat new").split() == (
        ["a", "h", "l", "made", "new", "sub", "a", "h", "l", "sub", "hello"]
    )


def _file_named(folder: Path, name: str) -> Path:
    (folder / name).write_text("x")
    return folder / name


def test_links_are_copied_as_links_unless_they_are_to_be_followed(
    engine: Engine, container: str, tree: Path, tmp_path: Path
) -> None:
    engine.cp(str(tree), f"{container}:/srv")
    engine.cp(f"{container}:/srv/tree/l", str(tmp_path / "link"))
    assert os.readlink(tmp_path / "link") == "a"
    engine.cp(f"{container}:/srv/tree/l", str(tmp_path / "file"), follow_link=True)
    assert (tmp_path / "file").read_text() == "hello"
    engine.cp(str(tree / "l"), f"{container}:/srv/followed", follow_link=True)
    engine.cp(f"{container}:/srv/followed", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "hello"
    assert not (tmp_path / "back").is_symlink()


def test_streams_are_tars(engine: Engine, container: str, tree: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(tree, "tree")
    packed.seek(0)
    engine.cp(packed, f"{container}:/srv")
    out = io.BytesIO()
    engine.cp(f"{container}:/srv/tree", out)
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        names = archive.getnames()
        assert archive.extractfile("tree/a").read() == b"hello"  # type: ignore[union-attr]
    assert sorted(names) == ["tree", "tree/a", "tree/h", "tree/l", "tree/sub", "tree/sub/b"]
    with pytest.raises(InvalidArgument, match='destination "box:/none" must be a directory'):
        engine.cp(io.BytesIO(), f"{container}:/none")
    with pytest.raises(EngineError, match="no tar archive"):
        engine.cp(io.BytesIO(b"nonsense" * 1000), f"{container}:/srv")


def test_volumes_are_reached(
    engine: Engine, container: str, look: Callable[[str], str], tree: Path, tmp_path: Path
) -> None:
    engine.cp(f"{tree}/.", f"{container}:/data")
    engine.cp(f"{container}:/data/a", str(tmp_path / "a"))
    assert (tmp_path / "a").read_text() == "hello"
    assert look("stat -c %u:%g /data/a; cat /data/a") == "0:0\nhello"


def test_a_file_of_a_cell_goes_in(
    engine: Engine, container: str, look: Callable[[str], str]
) -> None:
    engine.put_file(container, "/srv/page.html", b"<h1>hi</h1>")
    assert look("cat /srv/page.html; stat -c %a /srv/page.html") == "<h1>hi</h1>644\n"


@needs("root", "idmap")
def test_owners_are_kept_where_they_are_asked_for(
    engine: Engine, container: str, look: Callable[[str], str], tree: Path, tmp_path: Path
) -> None:
    os.chown(tree / "a", 33, 44)
    engine.cp(str(tree), f"{container}:/srv", archive=True)
    assert look("stat -c %u:%g /srv/tree/a") == "33:44\n"
    engine.cp(f"{container}:/srv/tree/a", str(tmp_path / "kept"), archive=True)
    assert (tmp_path / "kept").stat().st_gid == 44
    engine.cp(f"{container}:/srv/tree/a", str(tmp_path / "mine"))
    assert (tmp_path / "mine").stat().st_uid == 0


def test_what_the_image_has_is_shown_and_its_directories_keep_their_owner(
    engine: Engine, container: str, look: Callable[[str], str], tree: Path, tmp_path: Path
) -> None:
    before = engine.run("base:1", ["stat", "-c", "%u:%g %a", "/etc"], rm=True).stdout.decode()  # type: ignore[union-attr]
    engine.cp(str(tree / "a"), f"{container}:/etc/new")
    assert look("stat -c '%u:%g %a' /etc") == before
    engine.cp(f"{container}:/etc/passwd", str(tmp_path / "passwd"))
    assert "root" in (tmp_path / "passwd").read_text()


def test_the_command_line_speaks_of_terminals_only(
    store: Store, engine: Engine, container: str, tree: Path
) -> None:
    done = store.cli("cp", str(tree), f"{container}:/srv")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    piped = store.cli("cp", f"{container}:/srv/tree/a", "-")
    assert tarfile.open(fileobj=io.BytesIO(piped.stdout)).getnames() == ["a"]
    assert store.cli("cp", "-", f"{container}:/srv/sub", stdin=piped.stdout).returncode == 1
    assert store.cli("cp", "-", f"{container}:/data", stdin=piped.stdout).returncode == 0


# hostile containers


def test_cve_2018_15664_a_container_that_flips_a_directory_and_a_link_leads_nowhere(
    engine: Engine, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "f").write_text("untouched")
    flip = f"mkdir -p /x/d; ln -s {victim} /x/l; cd /x; " + (
        "while true; do mv d t; mv l d; sleep 0.01; mv d l; mv t d; sleep 0.05; done"
    )
    engine.run("toolbox", ["sh", "-c", flip], name="box", detach=True, network="none")
    (tmp_path / "f").write_text("written by cp")
    outcomes = {"done": 0, "refused": 0}
    try:
        for _ in range(60):
            try:
                engine.cp(str(tmp_path / "f"), "box:/x/d/f")
                engine.cp("box:/x/d/f", str(tmp_path / "out"))
                outcomes["done"] += 1
                assert (tmp_path / "out").read_text() == "written by cp"
            except EngineError:
                outcomes["refused"] += 1
    finally:
        engine.rm("box", force=True)
    assert (victim / "f").read_text() == "untouched"
    assert os.listdir(victim) == ["f"]
    assert outcomes["done"]


def test_cve_2019_14271_no_program_or_library_of_the_container_runs(
    engine: Engine, tmp_path: Path
) -> None:
    spy = "#!/bin/sh\ntouch /was-run\n"
    engine.run("toolbox", ["sleep", "1000"], name="box", detach=True, network="none")
    try:
        for name in ("xz", "tar", "gzip", "unpigz"):
            (tmp_path / name).write_text(spy)
            (tmp_path / name).chmod(0o755)
            engine.exec("box", ["rm", "-f", f"/usr/bin/{name}", f"/bin/{name}"])
            engine.cp(str(tmp_path / name), f"box:/usr/bin/{name}")
        for library in ("libnss_files.so.2", "libc.so.6"):
            engine.put_file("box", f"/{library}", b"no library at all")
        engine.cp("box:/etc", str(tmp_path / "etc"))
        assert engine.exec("box", ["ls", "/was-run"]).exit_code != 0  # type: ignore[union-attr]
    finally:
        engine.rm("box", force=True)


def test_a_link_of_the_container_does_not_lead_to_the_hosts_files(
    engine: Engine, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the host's")
    lines = f"ln -s {secret} /f; ln -s {tmp_path} /d; ln -s /proc/self/root{secret} /p"
    engine.run("toolbox", ["sh", "-c", lines], name="box", network="none")
    for path in ("/f", "/d/secret", "/p"):
        with pytest.raises(EngineError):
            engine.cp(f"box:{path}", str(tmp_path / "out"), follow_link=True)
    with pytest.raises(EngineError):
        engine.cp(str(secret), "box:/d/new")
    assert sorted(os.listdir(tmp_path)) == ["secret"]
    engine.rm("box")


def test_a_container_that_ends_meanwhile_is_said(engine: Engine, tmp_path: Path) -> None:
    engine.run("toolbox", ["sleep", "1000"], name="box", detach=True, network="none")
    killer = threading.Timer(0.05, lambda: engine.rm("box", force=True))
    killer.start()
    with pytest.raises(EngineError):
        for number in range(1000):
            engine.cp("box:/bin", str(tmp_path / f"out{number}"))
    killer.join()


def test_the_whole_container_comes_out_but_what_linux_makes_up(
    engine: Engine, container: str, tmp_path: Path
) -> None:
    for number, path in enumerate(["/", "/.", "", "//", "/usr/.."]):
        out = tmp_path / f"out{number}"
        engine.cp(f"{container}:{path}", str(out))
        assert (out / "etc/passwd").read_text().startswith("root:")
        assert (out / "srv").is_dir()
        assert list((out / "proc").iterdir()) == list((out / "sys").iterdir()) == []
    stream = io.BytesIO()
    engine.cp(f"{container}:/", stream)
    stream.seek(0)
    assert any(name.endswith("etc/passwd") for name in tarfile.open(fileobj=stream).getnames())
    engine.cp(f"{container}:/proc", str(tmp_path / "proc"))
    assert list((tmp_path / "proc").iterdir()) == []


def test_what_linux_makes_up_as_it_is_read_is_not_copied(engine: Engine, tmp_path: Path) -> None:
    engine.run("toolbox", ["sleep", "1000"], name="box", detach=True, network="none")
    for path in ("/proc/version", "/proc/1", "/proc/1/status", "/sys/kernel"):
        with pytest.raises(NotFound, match=f"the file {path} in container box") as told:
            engine.cp(f"box:{path}", str(tmp_path / "out"))
        assert f"exec box cat {path}" in str(told.value.hint)
    assert os.listdir(tmp_path) == []
    engine.rm("box", force=True)


def test_a_device_is_not_copied_and_that_is_said(
    engine: Engine, container: str, look: Callable[[str], str], tree: Path, tmp_path: Path
) -> None:
    look("true")
    with pytest.raises(InvalidArgument, match="cannot copy /dev/zero: it is a device"):
        engine.cp(f"{container}:/dev/zero", str(tmp_path / "zero"))
    with pytest.raises(InvalidArgument, match="cannot copy /dev/null: it is a device"):
        engine.cp("/dev/null", f"{container}:/srv")
    assert sorted(os.listdir(tmp_path)) == ["tree"]
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name in ("d/null", "d/zero"):
            device = tarfile.TarInfo(name)
            device.type, device.devmajor, device.devminor = tarfile.CHRTYPE, 1, 3
            archive.addfile(device)
        archive.add(tree / "a", "d/a")
    tar.seek(0)
    with pytest.raises(InvalidArgument, match="cannot copy devices: .*d/null and 1 more"):
        engine.cp(tar, f"{container}:/srv")
    assert look("cat /srv/d/a; ls /srv/d") == "helloa\n"


def test_scratch_space_comes_out_if_it_is_asked_for(engine: Engine, tmp_path: Path) -> None:
    engine.run("toolbox", ["sleep", "1000"], name="tmp", tmpfs="/scratch", detach=True)
    engine.exec("tmp", ["sh", "-c", "echo kept > /scratch/f"])
    engine.cp("tmp:/scratch", str(tmp_path / "asked"))
    engine.cp("tmp:/", str(tmp_path / "all"))
    assert (tmp_path / "asked/f").read_text() == "kept\n"
    assert list((tmp_path / "all/scratch").iterdir()) == []
    engine.rm("tmp", force=True)


def test_nothing_but_files_and_directories_is_overwritten(
    engine: Engine, container: str, look: Callable[[str], str], tree: Path, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(InvalidArgument, match="irregular file"):
        engine.cp(f"{container}:/etc/passwd", str(fifo))
    with pytest.raises(InvalidArgument, match="invalid output path: .*/null.*: got a device"):
        engine.cp(f"{container}:/etc/passwd", "/dev/null")
    look("true")
    with pytest.raises(InvalidArgument, match='destination "box:/dev/null" .*: got a device'):
        engine.cp(str(tree / "a"), f"{container}:/dev/null")
    assert os.stat("/dev/null").st_rdev == os.makedev(1, 3)


def test_a_link_at_the_destination_means_what_it_leads_to(
    engine: Engine, container: str, look: Callable[[str], str], tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("made")
    engine.cp(f"{container}:/etc/passwd", str(tmp_path / "link"))
    assert (tmp_path / "file").read_text().startswith("root:")
    assert os.readlink(tmp_path / "link") == "file"
    engine.cp(f"{container}:/srv", str(tmp_path / "dangling"))
    assert (tmp_path / "made").is_dir()
    (tree / "into").symlink_to("a")
    (tree / "nowhere").symlink_to("/srv/fresh")
    engine.cp(str(tree), f"{container}:/srv/t")
    engine.cp(str(tree / "sub/b"), f"{container}:/srv/t/into")
    engine.cp(str(tree / "a"), f"{container}:/srv/t/nowhere")
    said = look("readlink /srv/t/into; readlink /srv/t/nowhere; cat /srv/fresh; wc -c < /srv/t/a")
    assert said.split() == ["a", "/srv/fresh", "hello300000"]


@pytest.mark.parametrize("running", [True, False])
def test_what_the_container_may_not_change_cp_does_not_change(
    engine: Engine, tree: Path, tmp_path: Path, running: bool
) -> None:
    (tmp_path / "bound").mkdir()
    volumes = [f"{tmp_path}/bound:/bound:ro", f"{tmp_path}/bound:/free", "vol:/data"]
    engine.create("toolbox", ["sleep", "1000"], name="fixed", read_only=True, volume=volumes)
    if running:
        engine.start("fixed")
    with pytest.raises(InvalidArgument, match="container rootfs is marked read-only"):
        engine.cp(str(tree / "a"), "fixed:/x")
    with pytest.raises(InvalidArgument, match="mounted volume is marked read-only"):
        engine.cp(str(tree / "a"), "fixed:/bound/x")
    engine.cp(str(tree / "a"), "fixed:/data/x")
    engine.cp("fixed:/data/x", str(tmp_path / "x"))
    engine.cp(str(tree / "a"), "fixed:/free/y")
    assert (tmp_path / "bound/y").read_text() == (tmp_path / "x").read_text() == "hello"
    engine.cp("fixed:/bound/y", str(tmp_path / "z"))
    assert (tmp_path / "z").read_text() == "hello"
    engine.rm("fixed", force=True)
