"Data that is missing, damaged, or slow to come."
import gzip
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest
import torch

from s6erav3 import data
from s6erav3.data import MNIST_FILES, RAW, download_mnist, load_mnist, load_splits, read_mnist, read_verified

LABELS = "t10k-labels-idx1-ubyte"


@pytest.fixture
def broken(tmp_path):
    "A folder with files of MNIST's names and sizes, but not its contents."
    (tmp_path / RAW).mkdir(parents=True)
    for name, (size, _) in MNIST_FILES.items(): (tmp_path / RAW / name).write_bytes(bytes(size))
    return tmp_path


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist; make it with `s6erav3 data"): load_splits(data_dir=tmp_path / "no")


def test_a_file_that_is_missing(broken):
    (broken / RAW / LABELS).unlink()
    with pytest.raises(FileNotFoundError, match=f"lacks {LABELS}; run"): load_splits("auto", broken)


@pytest.mark.parametrize("dataset", ["auto", "mnist"])
def test_wrong_content_is_never_replaced(broken, dataset):
    name = next(iter(MNIST_FILES))
    with pytest.raises(ValueError, match=f"{name} is damaged.*{MNIST_FILES[name][1]}"): load_splits(dataset, broken)


def test_one_byte_short(broken):
    (broken / RAW / LABELS).write_bytes(bytes(10_007))
    with pytest.raises(ValueError, match="10,007 bytes"): read_verified(broken / RAW / LABELS)


def test_gzipped(broken):
    (broken / RAW / LABELS).write_bytes(gzip.compress(bytes(10_008)))
    with pytest.raises(ValueError, match="still gzipped"): read_verified(broken / RAW / LABELS)


def test_one_flipped_byte_of_the_real_thing(mnist_dir, tmp_path):
    content = bytearray((mnist_dir / RAW / LABELS).read_bytes())
    assert read_verified(mnist_dir / RAW / LABELS) == bytes(content)
    content[5_000] ^= 1
    (tmp_path / LABELS).write_bytes(content)
    with pytest.raises(ValueError, match="is damaged: 10,008 bytes"): read_verified(tmp_path / LABELS)


def test_fallback_is_loud_and_mnist_never_falls_back(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("S6ERAV3_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert "not MNIST" in load_splits("auto").dataset
    assert "These are not MNIST." in capsys.readouterr().out
    with pytest.raises(FileNotFoundError, match="by hand"): load_splits("mnist")


def test_env_variable_and_clone_are_searched(tmp_path, monkeypatch):
    monkeypatch.setenv("S6ERAV3_DATA", str(tmp_path))
    assert data.find_data_dir() == (tmp_path, True)
    monkeypatch.delenv("S6ERAV3_DATA")
    (tmp_path / "settings.ini").touch()
    (tmp_path / "s6erav3").mkdir()
    (tmp_path / "nbs").mkdir()
    monkeypatch.chdir(tmp_path / "nbs")
    assert data.find_data_dir() == (tmp_path / "data", False)


def test_split_is_the_same_everywhere(mnist_dir):
    splits = load_splits("mnist", mnist_dir)
    assert splits.valid.labels[:10].tolist() == [3, 6, 6, 6, 0, 3, 6, 2, 5, 6]
    both = torch.cat([splits.train.labels, splits.valid.labels])
    assert torch.equal(both.bincount(), read_mnist(mnist_dir)[0].labels.bincount())


@pytest.fixture
def server():
    "A mirror on loopback that serves rubbish."
    class Rubbish(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"rubbish")
        def log_message(self, *args): pass
    server = HTTPServer(("127.0.0.1", 0), Rubbish)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_a_mirror_that_serves_rubbish(server, tmp_path):
    with pytest.raises(ConnectionError, match="could not be fetched"): download_mnist(tmp_path, [server])
    assert not list(tmp_path.iterdir())


def test_a_mirror_that_never_answers(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(ConnectionError, match="longer than 6 s"): download_mnist(tmp_path, [url], timeout=6)
    assert not list(tmp_path.iterdir())


def test_a_download_that_works(mnist_dir, tmp_path, monkeypatch):
    def fetch(command, **options):
        raw = type(tmp_path)(command[command.index("-c") + 2]) / RAW
        raw.mkdir(parents=True)
        for name in MNIST_FILES: (raw / name).write_bytes((mnist_dir / RAW / name).read_bytes())
        return SimpleNamespace(returncode=0, stderr="")
    monkeypatch.setattr(data.subprocess, "run", fetch)
    download_mnist(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["MNIST"]
    assert len(load_mnist(tmp_path)[0].labels) == 60_000
