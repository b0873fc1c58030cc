import os
import sys

from nbcontainer.builtin import python
from nbcontainer.builtin.libraries import Loader


def test_the_interpreter_below_a_virtual_environment_is_taken():
    found = python.Python.of_this_process()
    assert os.path.isfile(found.executable)
    assert found.prefix == sys.base_prefix
    assert all(os.path.isfile(f"{folder}/os.py") or "lib64" in folder for folder in found.libraries)


def test_an_interpreter_in_a_home_is_moved_to_usr_local():
    found = python.Python(
        "/home/u/py/bin/python3.11", "/home/u/py", ("/home/u/py/lib/python3.11",), "3.11"
    )
    assert found.home == "/usr/local"
    assert found.inside("/home/u/py/lib/python3.11/os.py") == "/usr/local/lib/python3.11/os.py"
    assert found.inside("/lib/libc.so.6") == "/lib/libc.so.6"


def test_the_systems_interpreter_stays_where_it_is():
    found = python.Python("/usr/bin/python3.11", "/usr", ("/usr/lib/python3.11",), "3.11")
    assert found.home == "/usr"


def test_the_library_comes_without_tests_and_packages():
    built = python.tree(Loader())
    paths = list(built)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert any(path.endswith(f"lib/python{version}/os.py") for path in paths)
    assert any(path.endswith(f"/bin/python{version}") for path in paths)
    for word in ("site-packages", "dist-packages", "/test/", "/idlelib/", ".opt-1.pyc"):
        assert [path for path in paths if word in path] == []


def test_no_name_of_a_home_gets_into_the_image():
    built = python.tree(Loader())
    assert [path for path in built if path.startswith(("home/", "root/"))] == []


def test_sources_keep_the_time_that_their_compiled_form_names(tmp_path):
    library = tmp_path / "lib" / "python3.11"
    library.mkdir(parents=True)
    (library / "os.py").write_text("")
    os.utime(library / "os.py", (1_600_000_000, 1_600_000_000))
    found = python.Python(sys.executable, str(tmp_path), (str(library),), "3.11")
    built = python.tree(Loader(), found)
    assert built["/usr/local/lib/python3.11/os.py"].mtime_s == 1_600_000_000
