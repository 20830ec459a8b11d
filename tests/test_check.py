"""The test command finds what fails, names what was running, and leaves no process behind."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = """\
[DEFAULT]
lib_name = small
lib_path = small
nbs_path = nbs
repo = small
user = nobody
description = small
author = nobody
author_email = nobody@example.org
tst_flags = slow mnist
"""
CALL = """\
import os, signal, sys
sys.path.insert(0, {tools!r})
if {as_on_windows}:
    del os.killpg, os.setsid, os.getpgrp, os.getloadavg, signal.SIGHUP
import check, jobs
if __name__ == "__main__":
    check.PRELOAD = []
    check.find_mnist = lambda root: False
    jobs.PATIENCE = {patience}
    sys.exit(check.main({arguments!r}, check.Path({root!r})))
"""
ENDLESS = """\
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
open({file!r}, "w").write(str(child.pid))
time.sleep(1000)
"""
START_IS_KNOWN = """

@pytest.hookimpl(trylast=True)
def pytest_runtest_logstart():
    if "PYTEST_XDIST_WORKER" not in os.environ:  # the process that other tests report to
        Path({file!r}).write_text(str(os.getpid()), encoding="utf-8")
"""
SLOW_ANSWER = """

@pytest.hookimpl(tryfirst=True)
def pytest_keyboard_interrupt():
    import time

    Path({file!r}).write_text("1", encoding="utf-8")
    time.sleep(2)
"""


def write_notebook(path: Path, *sources: str) -> None:
    "Write a notebook of some cells."
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


@pytest.fixture
def project(tmp_path):
    "A project with one notebook and one test that pass, in which a test may put more."
    (tmp_path / "settings.ini").write_text(SETTINGS, encoding="utf-8")
    write_notebook(tmp_path / "nbs" / "good.ipynb", "assert 1 + 1 == 2")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "conftest.py").write_text(
        (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8"
    )
    (tmp_path / "tests" / "test_good.py").write_text(
        "def test_good():\n    pass\n", encoding="utf-8"
    )
    return tmp_path


TASKKILL = """\
#!{python}
import os, sys
from pathlib import Path

def children(pid):
    "The processes that a process has started."
    stats = [path.read_text(encoding="utf-8") for path in Path("/proc").glob("[0-9]*/stat")]
    found = [int(s.split()[0]) for s in stats if s.rpartition(")")[2].split()[1] == str(pid)]
    return [child for child in found if child != os.getpid()]

def end(pid):
    "End a process after all that it has started."
    for child in children(pid):
        end(child)
    os.kill(pid, 9)

assert sys.argv[1:4] == ["/F", "/T", "/PID"]
end(int(sys.argv[4]))
"""


@pytest.fixture(params=["here", "as on Windows"])
def system(request, tmp_path, monkeypatch):
    """This system, and one without process groups, with `taskkill` in place of Windows' own.

    On Windows itself they are the same."""
    if request.param == "here":
        return request.param
    if not sys.platform.startswith("linux"):
        pytest.skip("needs /proc for its own taskkill")
    taskkill = tmp_path / "commands" / "taskkill"
    taskkill.parent.mkdir()
    taskkill.write_text(TASKKILL.format(python=sys.executable), encoding="utf-8")
    taskkill.chmod(0o755)
    monkeypatch.setenv("PATH", str(taskkill.parent), prepend=os.pathsep)
    return request.param


def start(
    project: Path, *arguments: str, patience: float = 900, system: str = "here"
) -> subprocess.Popen:
    "Start the test command on a project."
    call = CALL.format(
        tools=str(ROOT / "tools"),
        root=str(project),
        patience=patience,
        as_on_windows=system != "here",
        arguments=["--workers", "2", *arguments],
    )
    (project / "call.py").write_text(call, encoding="utf-8")
    # its tests must not take themselves for those of this run
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_XDIST")}
    return subprocess.Popen(
        [sys.executable, "call.py"],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


def wait_for_file(path: Path, process: subprocess.Popen) -> int:
    "The number that a file holds, once it is there."
    end = time.monotonic() + 300
    while not (path.exists() and path.read_text(encoding="utf-8")):
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < end, f"{path.name} was not written"
        time.sleep(0.05)
    return int(path.read_text(encoding="utf-8"))


def exists(pid: int) -> bool:
    "Whether there is a process of this number."
    if os.name == "nt":  # where `os.kill` would end it
        done = subprocess.run(["tasklist", "/FI", f"PID eq {pid}"], capture_output=True)
        return str(pid).encode() in done.stdout
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_gone(pid: int) -> bool:
    "Whether a process has ended, or soon does."
    for _ in range(200):
        if not exists(pid):
            return True
        status = Path(f"/proc/{pid}/stat")
        if (
            status.exists()
            and status.read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "Z"
        ):
            return True  # nobody has asked what became of it
        time.sleep(0.05)
    return False


def test_what_fails_is_named_with_its_traceback(project, system):
    write_notebook(project / "nbs" / "internals" / "bad.ipynb", "1 / 0")
    write_notebook(project / "nbs" / "flags.ipynb", "#| slow\n1 / 0", "#| mnist\n1 / 0")
    (project / "tests" / "test_bad.py").write_text(
        "def test_bad():\n    assert 3 == 4\n", encoding="utf-8"
    )
    process = start(project, system=system)
    said, _ = process.communicate()
    assert process.returncode == 1
    assert re.search(r"^passed  nbs/good.ipynb", said, re.M)
    assert re.search(r"^passed  nbs/flags.ipynb", said, re.M)
    assert "ZeroDivisionError" in said
    assert re.search(r"^FAILED  nbs/internals/bad.ipynb", said, re.M)
    assert "FAILED tests/test_bad.py::test_bad" in said
    assert said.rstrip().endswith("FAILED: nbs/internals/bad.ipynb, tests")


def test_slow_cells_run_where_all_is_asked_for(project):
    write_notebook(project / "nbs" / "flags.ipynb", "#| slow\n1 / 0")
    process = start(project, "--all", "nbs/flags.ipynb")
    said, _ = process.communicate()
    assert process.returncode == 1
    assert re.search(r"^FAILED  nbs/flags.ipynb", said, re.M)


def test_names_choose_what_runs(project):
    process = start(project, "nbs/good.ipynb")
    said, _ = process.communicate()
    assert process.returncode == 0, said
    assert [line.split("  ")[1] for line in said.splitlines() if "  " in line] == ["nbs/good.ipynb"]
    assert said.rstrip().endswith("all passed")


NO_SIGNALS = pytest.mark.skipif(
    os.name == "nt", reason="Windows sends no signals to other processes"
)


@NO_SIGNALS
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_whatever_ends_a_run_ends_what_it_started(project, name, system):
    "And the notebook that was running is named, if there is anybody left to say so."
    file = project / "pid.txt"
    write_notebook(project / "nbs" / "endless.ipynb", ENDLESS.format(file=str(file)))
    process = start(project, "nbs/endless.ipynb", system=system)
    child = wait_for_file(file, process)
    number = getattr(signal, name)
    process.send_signal(number)
    said, _ = process.communicate()
    assert is_gone(child)
    if name == "SIGKILL":
        return
    assert process.returncode == 128 + number
    assert re.search(rf"^{name}: stopped while running nbs/endless.ipynb \(\d+ s\)$", said, re.M)


def start_endless_test(project: Path, hooks: str = "") -> tuple[subprocess.Popen, int, int]:
    "The test command at work on a test without end, its child, and the process that reports it."
    file, known = project / "pid.txt", project / "known.txt"
    body = ENDLESS.format(file=str(file)).replace("\n", "\n    ")
    (project / "tests" / "test_endless.py").write_text(
        f"def test_endless():\n    {body}\n", encoding="utf-8"
    )
    with (project / "tests" / "conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write(START_IS_KNOWN.format(file=str(known)) + hooks)
    process = start(project, "tests/test_endless.py")
    return process, wait_for_file(file, process), wait_for_file(known, process)


@NO_SIGNALS
def test_the_test_that_was_running_is_named(project):
    process, child, _ = start_endless_test(project)
    process.terminate()
    said, _ = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped while running tests/test_endless.py::test_endless" in said
    assert is_gone(child)


@NO_SIGNALS
def test_a_second_request_to_end_does_not_interrupt_the_answer(project):
    answers = project / "answers.txt"
    process, child, reporting = start_endless_test(project, SLOW_ANSWER.format(file=str(answers)))
    os.kill(reporting, signal.SIGTERM)
    wait_for_file(answers, process)
    os.kill(reporting, signal.SIGTERM)
    said, _ = process.communicate()
    assert "stopped while running tests/test_endless.py::test_endless" in said
    assert is_gone(child)


def test_a_notebook_without_progress_is_stopped_and_the_others_go_on(project):
    file = project / "pid.txt"
    write_notebook(project / "nbs" / "endless.ipynb", ENDLESS.format(file=str(file)))
    patience = 60 if os.name == "nt" else 5  # every process imports nbdev itself there
    process = start(project, "nbs/endless.ipynb", "nbs/good.ipynb", patience=patience)
    said, _ = process.communicate()
    assert process.returncode == 1
    reason = f"made no progress for {patience} s"
    assert re.search(rf"^FAILED  nbs/endless.ipynb .* {reason}", said, re.M)
    if os.name != "nt":
        assert "time.sleep" in said or "Thread" in said, "its traceback says where it was"
    assert re.search(r"^passed  nbs/good.ipynb", said, re.M)
    assert is_gone(int(file.read_text(encoding="utf-8")))
