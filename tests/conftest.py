"Tests never download: what needs MNIST runs where it is at hand and is skipped by name where it is not."

import json
import os
from pathlib import Path

import pytest

os.environ["S6ERAV3_OFFLINE"] = "1"


@pytest.fixture(scope="session")
def mnist_dir():
    "The folder that holds MNIST, verified."
    from s6erav3.data import find_data_dir, load_mnist

    try:
        load_mnist(download=False)
    except FileNotFoundError as error:
        pytest.skip(f"needs MNIST: {str(error).split(';')[0]}")
    return find_data_dir()[0].resolve()


@pytest.fixture(scope="session")
def keep():
    "Keeps what a test has found, by topic and case; `make stress` names a folder that gets a file for each topic."
    found = {}
    yield lambda topic, case, value: found.setdefault(topic, {}).update({case: value})
    folder = os.environ.get("S6ERAV3_STRESS_RECORDS")
    if not folder:
        return
    from s6erav3.files import written_whole

    Path(folder).mkdir(parents=True, exist_ok=True)
    for topic, cases in found.items():
        path = Path(folder, f"{topic}.json")
        before = (
            json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        )  # of a stress run that was stopped, or of some of its tests
        with written_whole(path) as part:
            part.write_text(
                json.dumps({**before, **cases}, indent=1, ensure_ascii=False) + "\n",
                encoding="utf-8",
            )
