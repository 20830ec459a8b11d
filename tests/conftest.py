"""What holds for all tests: their speeds, what is named when a run is stopped, and where MNIST is.

Tests never download: what needs MNIST runs where it is in place, and is skipped by name elsewhere.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

os.environ["S6ERAV3_OFFLINE"] = "1"
os.environ.setdefault("PYTHONUTF8", "1")  # for what tests start and read
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # or each of several processes would use all processors
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # or threads that wait would keep them busy

QUICK = {  # the modules that `make quick` runs
    "test_cli",
    "test_console",
    "test_data",
    "test_devcontainer",
    "test_evaluation",
    "test_glossary",
    "test_house",
    "test_model",
    "test_notebooks",
    "test_package",
    "test_recipes",
    "test_records",
    "test_versions",
}
THOROUGH = {  # what only `make test-all` runs: modules, and tests of other modules
    "test_export": ("test_a_row_of_the_record_is_measured_again",),
    "test_browser": (),  # by itself: two notebooks at a time, and the canvas
    "test_explore_browser": (),
    "test_anatomy": (
        "test_beside_other_tools",
        "test_field_is_what_the_gradient_says",
        "test_torchvision_networks",
    ),
}


SHARING = {
    "test_browser",
    "test_docs",
    "test_explore",
    "test_explore_browser",
    "test_notebooks",
}  # share what is slow to make


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    "Several processes share the tests one by one; a module of `SHARING` goes to one of them."
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        "Deals out tests and whole modules."

        def _split_scope(self, nodeid):
            module = nodeid.split("::")[0]
            return module if Path(module).stem in SHARING else nodeid

    return Scheduling(config, log)


def pytest_ignore_collect(collection_path, config):
    "With `-m quick …`, the other modules are not even imported."
    is_module = collection_path.name.startswith("test_")
    wants_quick = config.option.markexpr.startswith("quick")
    return True if wants_quick and is_module and collection_path.stem not in QUICK else None


def pytest_collection_modifyitems(items):
    "Give each test the marks of its speed."
    for item in items:
        module = item.path.stem
        slow_tests = THOROUGH.get(module)
        if slow_tests is not None and (not slow_tests or item.originalname in slow_tests):
            item.add_marker(pytest.mark.thorough)
        if module in ("test_browser", "test_explore_browser"):
            item.add_marker(pytest.mark.browser)
        if module in QUICK:
            item.add_marker(pytest.mark.quick)


class AtWork:
    "Names the tests that are running, in whatever process, when the run is interrupted."

    def __init__(self, config):
        self.config = config
        self.running: dict[str, None] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid):
        self.running[nodeid] = None

    def pytest_runtest_logfinish(self, nodeid):
        self.running.pop(nodeid, None)

    def pytest_keyboard_interrupt(self):
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        reporter.ensure_newline()
        for nodeid in self.running:
            reporter.write_line(f"stopped while running {nodeid}")


def interrupt_once(number, frame):
    "Answer a request to end, and no further one, so that the answer is not interrupted."
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def pytest_configure(config):
    "A request to end is answered as Ctrl-C is: tests clean up, and those at work are named."
    if hasattr(config, "workerinput"):
        return  # a process that runs tests for another one
    config.pluginmanager.register(AtWork(config))
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, interrupt_once)


@pytest.fixture(scope="session")
def mnist_dir():
    "The folder that holds MNIST, verified."
    from s6erav3.data.mnist import find_data_dir, load_mnist

    try:
        load_mnist(download=False)
    except FileNotFoundError as error:
        pytest.skip(f"needs MNIST: {str(error).split(';')[0]}")
    return find_data_dir()[0].resolve()


@pytest.fixture(scope="module")
def browser():
    "Chromium, without a window."
    from chromium import launched

    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    "The explorable page, built in a folder."
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
    import explore

    folder = tmp_path_factory.mktemp("page")
    explore.write(folder)
    return folder


@pytest.fixture(scope="session")
def keep():
    """Keeps what a test has found, by topic and case.

    `make stress` names a folder that gets a file for each topic.
    """
    found = {}
    yield lambda topic, case, value: found.setdefault(topic, {}).update({case: value})
    folder = os.environ.get("S6ERAV3_STRESS_RECORDS")
    if not folder:
        return
    from s6erav3.files import atomic_write

    Path(folder).mkdir(parents=True, exist_ok=True)
    for topic, cases in found.items():
        path = Path(folder, f"{topic}.json")
        # what a stress run that was stopped, or some of its tests, have found before
        before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        text = json.dumps({**before, **cases}, indent=1, ensure_ascii=False) + "\n"
        with atomic_write(path) as part:
            part.write_text(text, encoding="utf-8")
