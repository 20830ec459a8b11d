"Tests never download: what needs MNIST runs where it is at hand and is skipped by name where it is not."
import os

import pytest

os.environ["S6ERAV3_OFFLINE"] = "1"


@pytest.fixture(scope="session")
def mnist_dir():
    "The folder that holds MNIST, verified."
    from s6erav3.data import find_data_dir, load_mnist
    try: load_mnist(download=False)
    except FileNotFoundError as error: pytest.skip(f"needs MNIST: {str(error).split(';')[0]}")
    return find_data_dir()[0].resolve()
