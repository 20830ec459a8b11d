"What is installed is known to work: a clear sentence says so where it is not."

import sys
from importlib.metadata import PackageNotFoundError, version

import pytest
from packaging.specifiers import SpecifierSet

KNOWN_NOT_TO_WORK = {  # name: versions, and why
    "python": ("<3.11", "the package uses features of Python 3.11"),
    "nbdev": (">=3", "it reads neither settings.ini nor setup.py"),
    "execnb": (">0.1.18", "it no longer fits nbdev 2"),
    "fastcore": (">=2", "nbdev 2 stops with `NameError: Param`"),
    "ghapi": (">1.1.1", "it no longer fits nbdev 2"),
}
PAIRS = {"2.15": "0.29"}  # torch: torchvision


def faults(installed: dict) -> list[str]:
    "What is wrong with these versions, a sentence each."
    found = []
    for name, (bad, why) in KNOWN_NOT_TO_WORK.items():
        version = installed.get(name)
        if version and SpecifierSet(bad).contains(version, prereleases=True):
            found.append(
                f"{name} {version} is installed, and {name}{bad} is known not to work: {why}; "
                "run `pip install -c constraints.txt -e '.[dev]'`"
            )
    torch, vision = (installed.get(name, "") for name in ("torch", "torchvision"))
    wanted = PAIRS.get(".".join(torch.split(".")[:2]))
    if wanted and not vision.startswith(f"{wanted}."):
        found.append(
            f"torchvision {vision} is not built for torch {torch}, which goes with {wanted}: "
            "the two are a pair, install them together"
        )
    if ("+cpu" in torch) != ("+cpu" in vision) and "+" in torch and "+" in vision:
        found.append(
            f"torch {torch} and torchvision {vision} are built for different processors: "
            "install them together"
        )
    return found


def installed_versions() -> dict:
    found = {"python": "{}.{}.{}".format(*sys.version_info)}
    for name in (*KNOWN_NOT_TO_WORK, "torch", "torchvision"):
        try:
            found.setdefault(name, version(name))
        except PackageNotFoundError:
            pass  # an extra that is not installed
    return found


def test_what_is_installed_works():
    assert not faults(installed_versions()), "; ".join(faults(installed_versions()))


@pytest.mark.parametrize(
    "change, said",
    [
        (
            {"fastcore": "2.0.1"},
            "fastcore 2.0.1 is installed, and fastcore>=2 is known not to work",
        ),
        ({"nbdev": "3.0.1"}, "reads neither settings.ini"),
        ({"python": "3.10.13"}, "Python 3.11"),
        ({"torchvision": "0.28.0"}, "a pair"),
        ({"torch": "2.15.0+cpu", "torchvision": "0.29.2+cu132"}, "different processors"),
    ],
)
def test_what_is_known_not_to_work_is_told(change, said):
    good = {"python": "3.12.1", "torch": "2.15.0", "torchvision": "0.29.2"}
    assert not faults(good)
    [fault] = faults({**good, **change})
    assert said in fault
