"""What Windows refuses, emulated on Linux for the whole process that calls `emulate`.

It shows that this package asks for nothing that Windows lacks. It does not show what PyTorch or
filelock do on Windows: they are imported before, and believe to be on Linux.
"""

import builtins
import errno
import fcntl
import os
import shutil
import signal
import stat
import sys
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

import filelock
import matplotlib.pyplot  # noqa: F401
import pandas  # noqa: F401
import torch  # noqa: F401

MODULES = ("fcntl", "grp", "pwd", "resource", "termios")
OF_OS = ("O_DIRECTORY", "fork", "getuid", "mkfifo", "sched_getaffinity", "wait3", "wait4")
SIGNALS = ("SIGALRM", "SIGKILL", "SIGXFSZ")

# How Python is to be started: text files and the console are not in UTF-8
ENVIRONMENT = {
    "LC_ALL": "C",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONUTF8": "0",
    "PYTHONIOENCODING": "cp1252",
    "PYTHONWARNDEFAULTENCODING": "1",
    "PYTHONWARNINGS": "ignore::EncodingWarning",  # for libraries; `emulate` makes ours errors
}


def emulate():
    "From now on, this process may do only what it may do on Windows."
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    for name in OF_OS:
        delattr(os, name)
    for name in SIGNALS:
        delattr(signal, name)
    os.fsync = _writable_only(os.fsync)
    os.open = _no_folder(os.open)
    for name in ("replace", "unlink", "remove"):
        setattr(os, name, _closed_only(getattr(os, name)))
    shutil._use_fd_functions = False  # `rmtree` opens no folder there
    tempfile.TemporaryFile = tempfile.NamedTemporaryFile  # as Python has it there
    filelock.FileLock.release = _and_remove(filelock.FileLock.release)
    warnings.filterwarnings("error", category=EncodingWarning, module=r"s6erav3(\.|$)")


def _writable_only(fsync):
    "`os.fsync` refuses a descriptor that is not open for writing."

    def refuse_others(descriptor):
        mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        if mode == os.O_RDONLY or stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EBADF, "Bad file descriptor")
        fsync(descriptor)

    return refuse_others


def _no_folder(open_file):
    "`os.open` refuses a folder."

    def refuse_folders(path, flags, *args, **options):
        if os.path.isdir(path) and not _in_filelock():
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return open_file(path, flags, *args, **options)

    return refuse_folders


def _closed_only(change):
    "A call that gives the name of a file to another one, or to none, refuses an open file."

    def refuse_open_files(*paths, **options):
        target = str(Path(paths[-1]).absolute())
        if target in _open_files() and not _in_filelock():
            raise PermissionError(errno.EACCES, "Access is denied", target)
        return change(*paths, **options)

    return refuse_open_files


def _open_files() -> set[str]:
    "The files that this process has opened or mapped into its memory."
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found.add(os.readlink(f"/proc/self/fd/{descriptor}"))
    with builtins.open("/proc/self/maps", encoding="utf-8") as maps:
        found.update(line.split(maxsplit=5)[-1].strip() for line in maps)
    return found


def _in_filelock() -> bool:
    "Whether filelock, which does as on Linux, is calling."
    frame = sys._getframe()
    while frame and not frame.f_globals["__name__"].startswith("filelock"):
        frame = frame.f_back
    return frame is not None


def _and_remove(release):
    "On Windows, filelock removes a lock file when it releases the lock."

    def release_and_remove(lock, *args, **options):
        release(lock, *args, **options)
        with suppress(OSError):
            os.unlink(lock.lock_file)

    return release_and_remove
