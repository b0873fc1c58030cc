"""The built-in images run as containers, whoever runs them and whichever Python made them."""

import json
import os
import subprocess
import sys

import pytest

from nbcontainer.builtin import elf
from nbcontainer.builtin.toolbox import TOOLS
from tests.needs import check, needs

pytestmark = needs("userns")


def output(done):
    assert done.exit_code == 0, done.stderr.decode()
    return done.stdout.decode()


def test_hello_world_greets(engine):
    assert output(engine.run("hello-world", rm=True)) == elf.HELLO


def test_every_promised_tool_of_the_toolbox_is_found(engine):
    script = (
        "for tool in "
        + " ".join(TOOLS)
        + '; do command -v "$tool" >/dev/null || echo "$tool"; done'
    )
    assert output(engine.run("toolbox", ["sh", "-c", script], rm=True)) == ""


def test_the_tools_of_the_toolbox_work_together(engine):
    script = (
        "cd /tmp && mkdir d && echo one > d/a && seq 3 | sort -r | head -1 && tar -czf d.tgz d && "
        "rm -r d && tar -xzf d.tgz && cat d/a && sha256sum d/a | cut -c1-8 && find d -type f | wc -l && "
        "printf '%s\\n' b a | awk '{print $1 $1}' | sed s/b/x/ && date -d @0 +%s && stat -c %a /tmp"
    )
    done = engine.run("toolbox", ["sh", "-c", script], rm=True)
    assert output(done).split() == ["3", "one", "2c8b08da", "1", "xb", "aa", "0", "1777"]


def test_python_of_the_image_loads_its_library_and_runs_as_inside_a_home(engine):
    script = (
        "import asyncio, bz2, ctypes, hashlib, http.server, json, lzma, sqlite3, ssl, sys, zlib, venv\n"
        "print(sys.version_info[:2], sys.prefix.startswith('/usr'), "
        "sqlite3.connect(':memory:').execute('select 1+1').fetchone())"
    )
    expected = f"{sys.version_info[:2]} True (2,)\n"
    assert output(engine.run("python", ["python3", "-c", script], rm=True)) == expected


def test_python_of_the_image_starts_from_compiled_modules(engine):
    script = "import json, os; print(os.path.exists(json.__cached__))"
    if not os.path.exists(json.__cached__):
        pytest.skip("this host's own Python has no compiled modules")
    assert output(engine.run("python", ["python3", "-c", script], rm=True)) == "True\n"


def test_scripts_find_their_interpreter(engine):
    script = (
        "printf '#!/usr/bin/env python3\\nprint(6*7)\\n' > /tmp/a; chmod +x /tmp/a; /tmp/a; "
        "printf '#!/usr/bin/python3\\nprint(6*8)\\n' > /tmp/b; chmod +x /tmp/b; /tmp/b"
    )
    assert output(engine.run("python", ["sh", "-c", script], rm=True)).split() == ["42", "48"]


@needs("nginx", "busybox")
def test_nginx_serves_its_page_and_logs_the_request(engine):
    web = engine.run("nginx", detach=True, name="nginx-test")
    fetch = (
        "for i in 1 2 3 4 5 6 7 8 9; do "
        "wget -qO- http://127.0.0.1/ && exit 0; sleep 0.2; done; exit 1"
    )
    page = engine.exec("nginx-test", ["sh", "-c", fetch])
    assert "It works" in output(page)
    log = b"".join(chunk.data for chunk in engine.logs(web.id) if chunk.stream == "stdout")
    assert b'"GET / HTTP/1.1" 200' in log
    engine.stop("nginx-test", time=5)
    state = engine.inspect("nginx-test")[0]["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 0)


def test_other_tools_take_the_built_in_images_for_what_they_are(store, engine):
    check("skopeo")
    engine.run("toolbox", ["true"], rm=True)
    command = [
        "skopeo",
        "inspect",
        "--config",
        f"oci:{store.home}:docker.io/library/toolbox:latest",
    ]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    assert b"org.nbcontainer.builtin" in done.stdout
