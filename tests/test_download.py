"""Downloads from mirrors that refuse, lie, are slow or are silent.

The mirrors are real servers on loopback, with a path for each fault. No test measures time: where a
limit is to be reached it is tiny, and where it is not to be reached it is generous.
"""

import gzip
import hashlib
import io
import multiprocessing
import os
import random
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import forkserver
from pathlib import Path
from types import SimpleNamespace

import pooch
import pytest
from torchvision.datasets import MNIST

from s6erav3.data import mnist as data
from s6erav3.data.mnist import MANUAL_STEPS, MNIST_FILES, RAW, download_mnist, load_mnist

ROOT = Path(__file__).resolve().parent.parent
NAMES = list(MNIST_FILES)
TINY = 0.2  # seconds, for a limit that is reached
GENEROUS = 60  # seconds, for a limit that is not reached, however busy the machine is
CONTENTS = {  # in place of MNIST's, because a file of that size takes long to compress
    name: bytes(random.Random(name).choices(range(16), k=5_000)) for name in NAMES
}
FILES = {
    name: (len(content), hashlib.md5(content).hexdigest()) for name, content in CONTENTS.items()
}
PACKED = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in CONTENTS.items()}
PACKED_MD5 = {name: hashlib.md5(packed).hexdigest() for name, packed in PACKED.items()}
BOMB = gzip.compress(bytes(6_000_000))[:4_900]


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

    def encoded(self):
        self.answer(PACKED[self.file], **{"Content-Encoding": "gzip"})

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
    "A server of all faults, with small files in place of MNIST's."
    monkeypatch.setattr(data, "MNIST_FILES", FILES)
    monkeypatch.setattr(data, "SOCKET_TIMEOUT", GENEROUS)
    monkeypatch.setattr(MNIST, "resources", list(PACKED_MD5.items()))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            monkeypatch.delenv(variable, raising=False)
    yield from serve()


def serve(context=None):
    "Answer on a port of loopback, with TLS if there is a context."
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    server.daemon_threads = True
    server.block_on_close = False
    server.over = threading.Event()
    server.asked = []
    server.handle_error = lambda *args: None
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True).start()
    server.url = f"http{'s' * bool(context)}://127.0.0.1:{server.server_port}"
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()


def is_fetched(folder):
    "Whether the files are there, complete and readable, and nothing else is."
    found = {path.name: path.read_bytes() for path in (folder / RAW).iterdir()}
    others = [path.name for path in folder.iterdir() if path.name != "MNIST"]
    readable = (folder / RAW / NAMES[0]).stat().st_mode & 0o444
    return found == CONTENTS and not others and readable


OTHER_FILE = (
    f"MD5 hash of downloaded file ({NAMES[0]}.gz) does not match the known hash: "
    f"expected md5:{PACKED_MD5[NAMES[0] + '.gz']} but got "
)
FAULTS = {
    "_403": "403 Client Error: Forbidden)",
    "_404": "404 Client Error: Not Found)",
    "_503": "503 Server Error: Service Unavailable)",
    "around": "Exceeded 30 redirects)",
    "local": "No connection adapters were found for 'file:///etc/hostname')",
    "login": OTHER_FILE,
    "truncated": "IncompleteRead(100 bytes read, ",
    "wrong": OTHER_FILE,
    "other": OTHER_FILE,
    "bomb": OTHER_FILE,
    "endless": "more than 5,000 bytes)",
    "drip": "took too long)",
    "headers_drip": "took too long)",
    "silent": f"silent for {TINY} s)",
    "escape": r"500 Server Error: \x1b[2Jgone)",
}


@pytest.fixture
def limit_of(monkeypatch):
    "Set the limit that a fault reaches to a tiny one; the seconds that its mirror may take in all."

    def set_limit(fault):
        if fault == "silent":
            monkeypatch.setattr(data, "SOCKET_TIMEOUT", TINY)
        return TINY if "took too long" in FAULTS[fault] else GENEROUS

    return set_limit


@pytest.mark.parametrize("fault", FAULTS)
def test_message_of_each_fault(server, tmp_path, fault, limit_of, keep):
    with pytest.raises(ConnectionError) as error:
        download_mnist(tmp_path, [f"{server.url}/{fault}/"], timeout=limit_of(fault))
    message = str(error.value)
    url = f"{server.url}/{fault}/{NAMES[0]}.gz"
    assert message.startswith(f"MNIST could not be fetched ({url}: {FAULTS[fault]}")
    assert message.endswith(f"); {MANUAL_STEPS.format(tmp_path / RAW)}")
    assert message.isprintable()
    assert not list(tmp_path.iterdir())
    kept = message.replace(f"{server.url}/{fault}", "https://mirror").replace(str(tmp_path), "data")
    keep("downloads", fault.strip("_"), kept)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_next_mirror_is_tried(server, tmp_path, fault, limit_of, monkeypatch):
    limit = limit_of(fault)
    within = data._within

    def limited(seconds, call, url, *args):
        "The first mirror's share is tiny where it uses all of it; the second one's is generous."
        return within(min(seconds, limit) if fault in url else seconds, call, url, *args)

    monkeypatch.setattr(data, "_within", limited)
    mirrors = [f"{server.url}/{fault}", f"{server.url}/good"]
    download_mnist(tmp_path, mirrors, timeout=2 * GENEROUS)
    assert is_fetched(tmp_path)
    assert server.asked[0] == f"/{fault}/{NAMES[0]}.gz"
    assert server.asked[-1] == f"/good/{NAMES[-1]}.gz"


def test_a_redirect_is_followed(server, tmp_path):
    download_mnist(tmp_path, [f"{server.url}/moved/"])
    assert is_fetched(tmp_path)


def test_a_file_that_is_declared_as_encoded_is_not_unpacked_on_the_way(server, tmp_path):
    download_mnist(tmp_path, [f"{server.url}/encoded/"])
    assert is_fetched(tmp_path)


def test_nothing_is_printed_where_there_is_no_terminal(server, tmp_path, capfd):
    download_mnist(tmp_path, [f"{server.url}/_404/", f"{server.url}/good/"])
    assert capfd.readouterr() == ("", "")


def test_the_log_of_pooch_is_left_to_the_caller(server, tmp_path, caplog, monkeypatch):
    "Only the messages about these downloads are dropped, and only while they last."
    logger = pooch.get_logger()
    logger.addHandler(caplog.handler)
    fetch_all = data._fetch_all

    def fetch_all_beside_another_thread(*args):
        logger.info("Downloading another file.")
        fetch_all(*args)

    monkeypatch.setattr(data, "_fetch_all", fetch_all_beside_another_thread)
    before = (logger.level, [*logger.filters])
    try:
        download_mnist(tmp_path, [f"{server.url}/good/"])
    finally:
        logger.removeHandler(caplog.handler)
    assert caplog.messages == ["Downloading another file."]
    assert (logger.level, logger.filters) == before


class Terminal(io.StringIO):
    "A text stream that says that it is a terminal."

    def isatty(self):
        return True


def test_a_progress_bar_is_drawn_in_a_terminal(server, tmp_path, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    download_mnist(tmp_path, [f"{server.url}/good/"])
    for name in NAMES:
        assert f"\r{name}: " in terminal.getvalue(), terminal.getvalue()


def test_what_one_mirror_gave_is_not_asked_of_the_next(server, tmp_path, monkeypatch):
    monkeypatch.setattr(MNIST, "resources", sorted(PACKED_MD5.items()))
    download_mnist(tmp_path, [f"{server.url}/half/", f"{server.url}/good/"])
    assert is_fetched(tmp_path)
    asked_of_good = [path for path in server.asked if path.startswith("/good")]
    assert asked_of_good == [f"/good/{name}.gz" for name in NAMES[:2]]


def test_each_mirror_gets_an_equal_share_of_the_time_that_is_left(tmp_path, monkeypatch):
    "With a clock that stands still except where a slow mirror uses up its share."
    clock = SimpleNamespace(now=100.0)
    shares = []

    def within(seconds, call, url, *args):
        shares.append(seconds)
        if "refuses" in url:
            raise ConnectionRefusedError("refused")
        clock.now += seconds
        raise TimeoutError

    monkeypatch.setattr(data, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(data, "_within", within)
    mirrors = [f"https://{name}.test" for name in ("slow", "refuses", "slower", "slowest")]
    with pytest.raises(ConnectionError) as error:
        download_mnist(tmp_path, mirrors, timeout=8)
    assert shares == [2, 2, 3, 3]
    assert clock.now == 108
    for mirror in mirrors:
        assert f"{mirror}/{NAMES[0]}.gz" in str(error.value)


def test_a_mirror_has_its_share_for_all_of_its_files(monkeypatch, tmp_path):
    clock = SimpleNamespace(now=0.0)
    left = []

    def within(seconds, *args):
        left.append(seconds)
        clock.now += 1

    monkeypatch.setattr(data, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(data, "_within", within)
    data._fetch_all(["https://mirror.test"], tmp_path, timeout=8)
    assert left == [8, 7, 6, 5]


def test_a_server_that_is_not_there_and_an_address_that_is_none(server, tmp_path):
    with pytest.raises(
        ConnectionError,
        match=r"\(http://127.0.0.1:9/.*\.gz: Connection refused, no/.*: Invalid URL",
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
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 "
        "-keyout key.pem -out cert.pem -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    for secure in serve(context):
        with pytest.raises(ConnectionError, match="certificate verify failed"):
            download_mnist(tmp_path / "data", [f"{secure.url}/good/"])
        assert not secure.asked


def test_only_mirrors_with_tls_are_asked_by_default(server, tmp_path, monkeypatch):
    asked = []

    def fetch_all(mirrors, folder, timeout):
        asked.extend(mirrors)
        for name, packed in PACKED.items():
            (folder / name).write_bytes(packed)

    monkeypatch.setattr(data, "_fetch_all", fetch_all)
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


INTERRUPTED = 130


def download_five_times(folder, mirrors, barrier):
    "What a process of its own does, once all that wait at the barrier are there."
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored in the background
    data.MNIST_FILES = FILES
    MNIST.resources = list(PACKED_MD5.items())
    barrier.wait()
    try:
        for _ in range(5):
            download_mnist(folder, mirrors)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


@pytest.fixture(scope="module", autouse=True)
def context():
    "Makes processes; they are forks of one that imports the package while the first tests run."
    if os.name == "nt":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([data.__name__])
    forkserver.ensure_running()
    return context


@pytest.fixture
def start(context):
    "Start `n` processes that download from `mirror` into `folder`."
    barriers = []
    started = []

    def start_processes(folder, mirror, n=1):
        barriers.append(context.Barrier(n))
        for _ in range(n):
            args = (folder, [mirror], barriers[-1])
            started.append(context.Process(target=download_five_times, args=args))
            started[-1].start()
        return started[-n:]

    yield start_processes
    for process in started:
        process.kill()
        process.join()


def wait_for(condition, process):
    "Wait until the condition holds; it has to as long as the process lives."
    alive = True
    while not condition():
        assert alive
        alive = process.is_alive()
        time.sleep(0.001)


def test_two_processes_do_not_disturb_each_other(server, tmp_path, start):
    both = start(tmp_path, f"{server.url}/good/", n=2)
    present = tmp_path / RAW / NAMES[-1]
    while any(process.is_alive() for process in both):
        if present.exists():
            assert present.read_bytes() == CONTENTS[NAMES[-1]]
        time.sleep(0.001)
    assert [process.exitcode for process in both] == [0, 0]
    assert len(server.asked) == 2 * 5 * len(NAMES)
    assert is_fetched(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no signals to other processes")
@pytest.mark.parametrize("mirror", ["drip", "silent", "headers_drip"])
def test_ctrl_c_leaves_nothing(server, tmp_path, mirror, start):
    [process] = start(tmp_path, f"{server.url}/{mirror}/")
    wait_for(lambda: server.asked, process)
    os.kill(process.pid, signal.SIGINT)
    process.join(GENEROUS)
    assert process.exitcode == INTERRUPTED
    assert not list(tmp_path.iterdir())


def test_a_killed_process_leaves_no_half_file(server, tmp_path, start):
    [process] = start(tmp_path, f"{server.url}/good/")
    wait_for((tmp_path / RAW / NAMES[0]).exists, process)
    process.kill()
    process.join(GENEROUS)
    for path in (tmp_path / RAW).iterdir():
        assert path.name.startswith(".") or path.read_bytes() == CONTENTS[path.name]


def test_the_real_files(server, mnist_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "MNIST_FILES", MNIST_FILES)
    real = {f"{name}.gz": gzip.compress((mnist_dir / RAW / name).read_bytes(), 1) for name in NAMES}
    monkeypatch.setitem(globals(), "PACKED", real)
    checksums = [(name, hashlib.md5(packed).hexdigest()) for name, packed in real.items()]
    monkeypatch.setattr(MNIST, "resources", checksums)
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
    with pytest.raises(ValueError, match=f"fetched/MNIST/raw/{NAMES[0]} is not MNIST"):
        bundle.gather_mnist(tmp_path / "new")


def test_wheels_that_do_not_suffice_are_fetched_once(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import bundle

    commands = []
    missing = iter(["no typer", ""])
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
