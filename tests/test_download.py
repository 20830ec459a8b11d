"Fetching from mirrors that refuse, lie, dawdle or are silent: real servers on loopback, each fault in a folder of its own."

import gzip
import hashlib
import os
import random
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from s6erav3 import data
from s6erav3.data import BY_HAND, MNIST_FILES, RAW, download_mnist, load_mnist

ROOT = Path(__file__).resolve().parent.parent
NAMES = list(MNIST_FILES)
CONTENTS = {
    name: bytes(random.Random(name).choices(range(16), k=5_000)) for name in NAMES
}  # what stands in for MNIST: a file of its size takes long to pack
FILES = {
    name: (len(content), hashlib.md5(content).hexdigest()) for name, content in CONTENTS.items()
}
PACKED = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in CONTENTS.items()}
BOMB = gzip.compress(bytes(50_000_000))[:4_900]


class Mirror(BaseHTTPRequestHandler):
    "A mirror: `/fault/name.gz` is answered by the method `fault`."

    def do_GET(self):
        self.server.asked.append(self.path)
        fault, self.file = self.path.strip("/").split("/")[-2:]
        try:
            getattr(self, fault, self.status)()
        except OSError:
            pass  # the reader has gone

    def log_message(self, *args):
        pass

    def answer(self, body, length=None, status=200, **headers):
        self.send_response(status)
        for name, value in {
            **headers,
            "Content-Length": len(body) if length is None else length,
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def status(self):
        self.send_error(int(self.path.split("/")[1][1:]))

    def good(self):
        self.answer(PACKED[self.file])

    def half(self):
        self.good() if self.file < "train" else self.send_error(404)

    def moved(self):
        self.answer(b"", status=302, Location=f"/good/{self.file}")

    def around(self):
        self.answer(b"", status=302, Location=self.path)

    def local(self):
        self.answer(b"", status=302, Location="file:///etc/hostname")

    def login(self):
        self.answer(b"<!doctype html><title>Log in</title>")

    def truncated(self):
        self.answer(PACKED[self.file][:100], length=len(PACKED[self.file]))

    def wrong(self):
        self.answer(bytes(len(PACKED[self.file])))

    def other(self):
        self.answer(gzip.compress(bytes(5_000)))

    def bomb(self):
        self.answer(BOMB)

    def endless(self):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"<p>Log in</p>" * 1_000)

    def drip(self):
        self.slowly(b"HTTP/1.0 200 OK\r\n\r\n" + PACKED[self.file])

    def headers_drip(self):
        self.slowly(b"HTTP/1.0 200 OK\r\nX: " + bytes(1_000))

    def slowly(self, answer):
        for byte in answer:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.over.wait(0.1):
                return

    def silent(self):
        self.server.over.wait()

    def escape(self):
        self.wfile.write(b"HTTP/1.0 500 \x1b[2Jgone\r\n\r\n")


@pytest.fixture
def server(monkeypatch):
    "The address of a server of all faults, with files that stand in for MNIST's."
    monkeypatch.setattr(data, "MNIST_FILES", FILES)
    monkeypatch.setattr(data, "SILENCE", 0.5)
    monkeypatch.setattr(
        urllib.request, "_opener", None
    )  # it would remember the proxies of another test
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            monkeypatch.delenv(variable, raising=False)
    yield from serve()


def serve(context=None):
    "Answer on a port of loopback, with TLS if there is a context."
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    server.daemon_threads, server.block_on_close, server.over, server.asked = (
        True,
        False,
        threading.Event(),
        [],
    )
    server.handle_error = lambda *args: None
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    server.url = f"http{'s' * bool(context)}://127.0.0.1:{server.server_port}"
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()


def is_fetched(folder):
    "Whether the files are there, whole and as ordinary files, and nothing else is."
    found = {path.name: path.read_bytes() for path in (folder / RAW).iterdir()}
    return (
        found == CONTENTS
        and [path.name for path in folder.iterdir()] == ["MNIST"]
        and (folder / RAW / NAMES[0]).stat().st_mode & 0o444
    )


FAULTS = {
    "_403": "HTTP Error 403: Forbidden",
    "_404": "HTTP Error 404: Not Found",
    "_503": "HTTP Error 503: Service Unavailable",
    "around": "HTTP Error 302: The HTTP server returned a redirect error that would lead to an infinite loop. The last 30x error message was: Found",
    "local": "HTTP Error 302: Found - Redirection to url 'file:///etc/hostname' is not allowed",
    "login": "no gzipped file, or a damaged one; it begins with b'<!doctype html>'",
    "truncated": "cut off after 100 bytes",
    "wrong": r"no gzipped file, or a damaged one; it begins with b'\x00\x00",
    "other": f"another file: 5,000 bytes with md5 {hashlib.md5(bytes(5_000)).hexdigest()}, but MNIST's has 5,000 bytes with md5 {FILES[NAMES[0]][1]}",
    "bomb": "another file: 5,001 bytes with md5",
    "endless": "no gzipped file, or a damaged one; it begins with b'<p>Log in</p><p'",
    "drip": "took too long",
    "headers_drip": "took too long",
    "silent": "silent for 0.5 s",
    "escape": "HTTP Error 500: [2Jgone",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_each_fault_says(server, tmp_path, fault, keep):
    start = time.monotonic()
    with pytest.raises(ConnectionError) as error:
        download_mnist(tmp_path, [f"{server.url}/{fault}/"], timeout=1)
    assert time.monotonic() - start < 3
    said = str(error.value)
    assert said.startswith(
        f"MNIST could not be fetched ({server.url}/{fault}/{NAMES[0]}.gz: {FAULTS[fault]}"
    )
    assert said.endswith(f"); {BY_HAND.format(tmp_path / RAW)}") and said.isprintable()
    assert not list(tmp_path.iterdir())
    keep(
        "downloads",
        fault.strip("_"),
        said.replace(f"{server.url}/{fault}", "https://mirror").replace(str(tmp_path), "data"),
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_the_next_mirror_is_tried(server, tmp_path, fault):
    download_mnist(tmp_path, [f"{server.url}/{fault}", f"{server.url}/good"], timeout=4)
    assert is_fetched(tmp_path)


def test_a_redirect_is_followed(server, tmp_path):
    download_mnist(tmp_path, [f"{server.url}/moved/"])
    assert is_fetched(tmp_path)


def test_what_one_mirror_gave_is_not_asked_of_the_next(server, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "MNIST_FILES", {name: FILES[name] for name in sorted(NAMES)})
    download_mnist(tmp_path, [f"{server.url}/half/", f"{server.url}/good/"])
    assert is_fetched(tmp_path)
    assert [path for path in server.asked if path.startswith("/good")] == [
        f"/good/{name}.gz" for name in NAMES[:2]
    ]


def test_every_mirror_is_named_and_the_time_limit_holds_for_all(server, tmp_path):
    mirrors = [f"{server.url}/{fault}/" for fault in ("drip", "headers_drip", "_403", "drip")]
    start = time.monotonic()
    with pytest.raises(ConnectionError) as error:
        download_mnist(tmp_path, mirrors, timeout=2)
    assert 1.5 < time.monotonic() - start < 3
    for mirror in mirrors:
        assert mirror in str(error.value)


def test_a_server_that_is_not_there_and_an_address_that_is_none(server, tmp_path):
    with pytest.raises(
        ConnectionError,
        match=r"\(http://127.0.0.1:9/.*\.gz: Connection refused, no/.*: unknown url type",
    ):
        download_mnist(tmp_path, ["http://127.0.0.1:9/", "no"])


def test_it_never_goes_on_without_tls(server, tmp_path):
    "torchvision tries http where https fails."
    secure = server.url.replace("http:", "https:")
    with pytest.raises(ConnectionError, match="SSL"):
        download_mnist(tmp_path, [f"{secure}/good/"])
    assert not server.asked


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl, to make a certificate")
def test_a_certificate_of_nobody_is_refused(server, tmp_path):
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -keyout key.pem -out cert.pem -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    for secure in serve(context):
        with pytest.raises(ConnectionError, match="certificate verify failed"):
            download_mnist(tmp_path / "data", [f"{secure.url}/good/"])
        assert not secure.asked


def test_only_mirrors_with_tls_are_asked_by_default(server, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(data, "_gather", lambda mirrors, timeout: asked.extend(mirrors) or CONTENTS)
    download_mnist(tmp_path)
    assert asked and all(mirror.startswith("https://") for mirror in asked)


def test_proxies_of_the_environment_are_used(server, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    download_mnist(tmp_path, ["http://mirror.invalid/good/"])
    assert is_fetched(tmp_path) and server.asked[0] == f"http://mirror.invalid/good/{NAMES[0]}.gz"


def test_a_folder_that_cannot_be_written(server, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda folder, mode: False)
    with pytest.raises(
        ConnectionError,
        match=f"cannot write into {tmp_path}; name another folder with --data-dir, or by hand",
    ):
        download_mnist(tmp_path / "new", [f"{server.url}/good/"])
    assert not server.asked


def test_a_disk_that_is_full(server, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        download_mnist(tmp_path, [f"{server.url}/good/"])
    assert not list((tmp_path / RAW).iterdir())


FETCH = """
import sys
from pathlib import Path
from s6erav3 import data
data.MNIST_FILES = {files}
folder, *mirrors = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
for _ in range(5): data.download_mnist(folder, mirrors)
"""


def fetch(folder, *mirrors):
    "A process that imports, says so, and fetches five times once it is told."
    code = FETCH.replace("{files}", repr(FILES))
    return subprocess.Popen(
        [sys.executable, "-c", code, folder, *mirrors],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # what runs in the background may be deaf to it


def start(*processes):
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        print(file=process.stdin, flush=True)


def test_two_processes_do_not_disturb_each_other(server, tmp_path):
    processes = [fetch(tmp_path, f"{server.url}/good/") for _ in range(2)]
    start(*processes)
    while any(process.poll() is None for process in processes):
        present = tmp_path / RAW / NAMES[-1]
        if present.exists():
            assert present.read_bytes() == CONTENTS[NAMES[-1]]
        time.sleep(0.001)
    for process in processes:
        assert process.returncode == 0, process.stderr.read()
    assert is_fetched(tmp_path)


@pytest.mark.parametrize("mirror", ["drip", "silent", "headers_drip"])
def test_ctrl_c_leaves_nothing(server, tmp_path, mirror):
    process = fetch(tmp_path, f"{server.url}/{mirror}/")
    start(process)
    while not server.asked:
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(5) and "KeyboardInterrupt" in process.stderr.read()
    assert not list(tmp_path.iterdir())


def test_killed_outright_while_it_writes_no_file_is_half(server, tmp_path):
    process = fetch(tmp_path, f"{server.url}/good/")
    start(process)
    while not (tmp_path / RAW / NAMES[0]).exists():
        time.sleep(0.001)
    process.kill()
    process.wait(5)
    for path in (tmp_path / RAW).iterdir():
        assert path.name.startswith(".") or path.read_bytes() == CONTENTS[path.name]


def test_the_real_files(server, mnist_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "MNIST_FILES", MNIST_FILES)
    real = {f"{name}.gz": gzip.compress((mnist_dir / RAW / name).read_bytes(), 1) for name in NAMES}
    monkeypatch.setitem(globals(), "PACKED", real)
    download_mnist(tmp_path, [f"{server.url}/good/"])
    assert len(load_mnist(tmp_path)[0].labels) == 60_000


def test_a_bundle_takes_what_is_there_and_fetches_what_is_not(server, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import bundle

    monkeypatch.setattr(bundle, "MNIST_FILES", FILES)
    monkeypatch.setattr(
        bundle, "download_mnist", lambda folder: download_mnist(folder, [f"{server.url}/good/"])
    )
    monkeypatch.setenv("S6ERAV3_DATA", str(tmp_path / "none"))
    bundle.gather_mnist(tmp_path / "fetched")
    assert is_fetched(tmp_path / "fetched") and len(server.asked) == 4
    monkeypatch.setenv("S6ERAV3_DATA", str(tmp_path / "fetched"))
    for _ in range(2):
        bundle.gather_mnist(tmp_path / "copied")
    (tmp_path / "copied" / RAW / NAMES[0]).write_bytes(b"damaged")
    bundle.gather_mnist(tmp_path / "copied")
    assert is_fetched(tmp_path / "copied") and len(server.asked) == 4
    (tmp_path / "fetched" / RAW / NAMES[0]).write_bytes(b"damaged")
    with pytest.raises(ValueError, match=f"fetched/MNIST/raw/{NAMES[0]} is damaged"):
        bundle.gather_mnist(tmp_path / "new")


def test_wheels_that_do_not_suffice_are_fetched_once(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import bundle

    commands, missing = [], iter(["no typer", ""])
    monkeypatch.setattr(bundle, "missing_wheel", lambda wheels: next(missing, ""))
    monkeypatch.setattr(
        bundle.subprocess,
        "run",
        lambda command, **options: (
            commands.append(command) or subprocess.CompletedProcess(command, 0)
        ),
    )
    for _ in range(2):
        bundle.gather_wheels(tmp_path, ["--timeout", "9"])
    assert len(commands) == 1 and commands[0][2:] == [
        "pip",
        "download",
        "-d",
        tmp_path,
        "--timeout",
        "9",
        *bundle.WANTED,
    ]
