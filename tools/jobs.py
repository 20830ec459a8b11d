"""Runs jobs side by side, each in a process of its own, and lets none of them outlive the run.

A job is a function that prints what it has to say and returns whether it succeeded. What it starts
belongs to its process group. The group ends when the job does, when the run is interrupted or
terminated, when the job makes no progress for too long, and when the run is killed. Whatever the
reason, what was running then is named. (Windows has no process groups of this kind. There a job
ends together with its children, but what a job that has ended by itself leaves behind goes on.)
"""

import faulthandler
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path

PATIENCE = 900  # seconds without progress before a job is stopped, more on an overloaded machine
GRACE = 10  # seconds between the request to end and the end
HEARTBEAT = 60  # seconds of silence after which a line says what is running
TICK = 0.5  # seconds between two looks at the jobs
SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
HAS_GROUPS = hasattr(os, "killpg")  # not on Windows


@dataclass(frozen=True)
class Job:
    "Something to run."

    name: str
    target: Callable[..., bool]
    args: tuple = ()
    follow: bool = False  # print its lines as they come, not only if it fails


class Stopped(BaseException):
    "The run was told to end by the signal `number`."

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


def end_group(pid: int) -> None:
    "Kill a process and all that it has started."
    if not HAS_GROUPS:
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(pid)], capture_output=True)
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def end_with_parent() -> None:
    "End this process and what it has started as soon as the run is no more."
    wait([multiprocessing.parent_process().sentinel])
    end_group(os.getpid())
    os._exit(1)  # if it is still there


def run_job(log: str, target: Callable[..., bool], args: tuple) -> None:
    "What the process of a job does."
    if HAS_GROUPS:
        os.setsid()
        faulthandler.register(signal.SIGTERM, chain=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout.reconfigure(line_buffering=True, encoding="utf-8")
    threading.Thread(target=end_with_parent, daemon=True).start()
    sys.exit(0 if target(*args) else 1)


@dataclass
class Running:
    "A job at work."

    job: Job
    log: Path
    process: multiprocessing.Process
    started: float = field(default_factory=time.monotonic)
    shown: int = 0  # bytes of its output that are printed
    grown: int = 0  # bytes of its output at the last look
    idle: float = 0.0  # seconds without progress

    @property
    def seconds(self) -> float:
        "How long the job has been running."
        return time.monotonic() - self.started

    def new_lines(self, everything: bool = False) -> str:
        "The lines that the job has printed since the last call; with `everything`, parts too."
        with open(self.log, "rb") as file:
            file.seek(self.shown)
            text = file.read()
        if not everything:
            text = text[: text.rfind(b"\n") + 1]
        self.shown += len(text)
        return text.decode(errors="replace")

    def look(self, seconds: float) -> None:
        "Note whether the job has made progress in the last `seconds`."
        size = self.log.stat().st_size
        self.idle = 0.0 if size > self.grown else self.idle + seconds
        self.grown = size

    def stop(self) -> None:
        "Ask the job to end and to say what it is doing; then end it."
        if HAS_GROUPS:
            self.process.terminate()
            self.process.join(GRACE)
        end_group(self.process.pid)
        self.process.join()


def overload() -> float:
    "How many times more processes want to run than there are processors; 1 if all can run."
    if not hasattr(os, "getloadavg"):
        return 1.0  # Windows does not say
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@contextmanager
def stoppable():
    "Inside the block, a signal to end raises `Stopped`, once: the cleaning up is not interrupted."

    def stop(number, frame):
        for one in SIGNALS:
            signal.signal(one, signal.SIG_IGN)
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Run:
    "Runs jobs, at most `slots` at a time, in their order."

    def __init__(self, jobs: list[Job], slots: int, preload: list[str]):
        self.waiting, self.slots = list(jobs), slots
        self.running: list[Running] = []
        self.failed: list[str] = []
        self.spoken = time.monotonic()
        method = "forkserver" if HAS_GROUPS else "spawn"
        self.context = multiprocessing.get_context(method)
        if HAS_GROUPS:
            self.context.set_forkserver_preload(preload)

    def say(self, text: str) -> None:
        "Print a text at once."
        print(text, flush=True)
        self.spoken = time.monotonic()

    def what_runs(self) -> str:
        "The jobs at work, and for how long."
        return ", ".join(f"{one.job.name} ({one.seconds:.0f} s)" for one in self.running)

    def start(self, job: Job, folder: str) -> None:
        "Start a job."
        log = Path(folder, f"{len(self.waiting)}.txt")
        log.touch()
        process = self.context.Process(target=run_job, args=(str(log), job.target, job.args))
        process.start()
        self.running.append(Running(job, log, process))

    def finish(self, one: Running, reason: str = "") -> None:
        "Take a job that has ended, or is to end, from those at work, and say what became of it."
        if reason:
            one.stop()
        elif HAS_GROUPS:
            end_group(one.process.pid)
        self.running.remove(one)
        passed = not reason and one.process.exitcode == 0
        if one.job.follow or not passed:
            self.say(one.new_lines(everything=True).rstrip())
        if not passed:
            self.failed.append(one.job.name)
        verdict = "passed" if passed else "FAILED"
        self.say(f"{verdict}  {one.job.name}  {one.seconds:.0f} s  {reason}".rstrip())

    def look(self, seconds: float) -> None:
        "See what has become of the jobs at work."
        for one in list(self.running):
            one.look(seconds)
            if one.job.follow and (text := one.new_lines()):
                self.say(text.rstrip("\n"))
            if not one.process.is_alive():
                self.finish(one)
            elif one.idle > PATIENCE:
                self.finish(one, f"made no progress for {PATIENCE:.0f} s and was stopped")
        if time.monotonic() - self.spoken > HEARTBEAT:
            self.say(f"running: {self.what_runs()}")

    def work(self, folder: str) -> None:
        "Start and watch until all is done."
        looked = time.monotonic()
        while self.waiting or self.running:
            while self.waiting and len(self.running) < self.slots:
                self.start(self.waiting.pop(0), folder)
            wait([one.process.sentinel for one in self.running], TICK)
            now = time.monotonic()
            self.look((now - looked) / overload())
            looked = now

    def __call__(self) -> list[str]:
        "Run all; the names of those that failed. `Stopped` if a signal ended the run."
        with tempfile.TemporaryDirectory() as folder, stoppable():
            try:
                self.work(folder)
            except Stopped as stopped:
                name = signal.Signals(stopped.number).name
                self.say(f"{name}: stopped while running {self.what_runs()}")
                raise
            finally:
                for one in self.running if HAS_GROUPS else ():
                    one.process.terminate()
                for one in list(self.running):
                    self.finish(one, "stopped")
        return self.failed
