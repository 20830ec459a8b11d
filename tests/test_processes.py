"""Training in two processes on one machine: the same gradients, every digit once, and an end rather than a hang."""

import os
import re
import signal
import subprocess
import sys
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F

from s6erav3.data import Digits, load_splits, normalize
from s6erav3.models.model import MNISTModel
from s6erav3.training import train
from s6erav3.training.compute import deal, n_processes, share

N_PROCESSES = 2


def _in_processes(work, folder, *args):
    "What `work(*args)` returns in each of two processes that train together."
    mp.spawn(_process, (work, folder, args), nprocs=N_PROCESSES)
    return [torch.load(folder / f"{rank}.pt") for rank in range(N_PROCESSES)]


def _process(rank, work, folder, args):
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=N_PROCESSES
    )
    torch.save(work(*args), folder / f"{rank}.pt")
    dist.destroy_process_group()


def _gradients(batches):
    "The gradients of a step on each batch, of which each process takes its part."
    return [_gradient(*batch) for batch in batches]


def _gradient(x, y):
    torch.manual_seed(0)
    model = MNISTModel(dropout=0).eval()
    network = share(model)
    mine, weight = deal(torch.arange(len(y)))
    (weight * F.cross_entropy(network(x[mine]), y[mine])).backward()
    return [p.grad for p in model.parameters()]


def test_gradients_are_those_of_one_process(tmp_path):
    digits = load_splits("digits").train
    batches = [(normalize(digits.images[:n]), digits.labels[:n]) for n in (64, 7, 1)]
    alone, together = _gradients(batches), _in_processes(_gradients, tmp_path, batches)
    assert n_processes() == 1
    for gradients in together:
        for a, b in zip(sum(alone, []), sum(gradients, []), strict=True):
            torch.testing.assert_close(a, b, atol=1e-6, rtol=0)


def _shown(n):
    "The digits that a process is shown in an epoch, with what they count, and the weights after it."
    images = torch.arange(n).float().view(n, 1, 1, 1).expand(n, 1, 28, 28)
    recipe, shown = (
        train.Recipe(
            "plain", epochs=1, batch_size=8, schedule="constant", rotation=0.0, learning_rate=0.01
        ),
        [],
    )
    real = train.deal
    train.deal = lambda batch: shown.append(real(batch)) or shown[-1]
    torch.manual_seed(0)
    model = MNISTModel()
    history = train.fit(model, recipe, Digits(images, torch.zeros(n).long()), verbose=False)
    return (
        [(mine.tolist(), weight) for mine, weight in shown],
        model.fc.weight.detach(),
        history[0]["train_loss"],
    )


def test_every_digit_is_used_once(tmp_path):
    (first, w0, loss0), (second, w1, loss1) = _in_processes(_shown, tmp_path, 8 * 5 + 1)
    used = [i for part in (first, second) for mine, weight in part if weight for i in mine]
    assert sorted(used) == list(range(41)) and len(first) == len(second) == 6
    assert [weight for _, weight in first] == [1] * 5 + [2] and second[-1][1] == 0
    assert torch.equal(w0, w1) and loss0 == loss1


def _augmented(_):
    "The first digit as each process turns it."
    turned = []
    real = train.augment
    train.augment = lambda *args: turned.append(real(*args)) or turned[-1]
    train.fit(
        MNISTModel(),
        train.Recipe("turned", epochs=1, batch_size=8, schedule="constant"),
        load_splits("digits").train.take(slice(16)),
        verbose=False,
    )
    return turned[-1]


def test_each_process_turns_its_digits_in_its_own_way(tmp_path):
    first, second = _in_processes(_augmented, tmp_path, None)
    assert first.shape == second.shape and not torch.equal(first, second)


def _taught(_):
    "The weights of a network after an epoch, the numbers of the teacher that it was taught by, and the teacher's loss."
    small = load_splits("digits", limit=64)
    recipe = train.Recipe("taught", epochs=1, batch_size=8, schedule="constant", teacher=2)
    teacher, record = train.train_teacher(recipe, small, verbose=False)
    real, shared = train.share, []
    train.share = lambda objective: shared.append(real(objective)) or shared[-1]
    torch.manual_seed(0)
    model = MNISTModel()
    train.fit(model, recipe, small.train, teacher=teacher, verbose=False)
    return [model.fc.weight.detach(), *shared[0].module.teacher.state_dict().values()], record[
        "history"
    ][0]["train_loss"]


def test_processes_share_one_teacher(tmp_path):
    first, second = _in_processes(_taught, tmp_path, None)
    for a, b in zip(first[0], second[0], strict=True):
        assert torch.equal(a, b)
    assert len(first[0]) > 20 and first[1] == second[1]


def _torchrun(*args, **options):
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={N_PROCESSES}",
        "-m",
        "s6erav3",
        *map(str, args),
    ]
    return subprocess.Popen(
        command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def test_torchrun_writes_and_prints_once(tmp_path):
    out, error = (
        process := _torchrun(
            "train",
            "--recipe",
            "original",
            "--dataset",
            "digits",
            "--epochs",
            1,
            "--limit",
            256,
            "--out",
            tmp_path,
        )
    ).communicate(timeout=120)
    assert process.returncode == 0, error
    assert (
        out.count("Training Accuracy")
        == out.count("Written to")
        == out.count("Total Parameters")
        == 1
    )
    assert {path.name for path in tmp_path.iterdir()} == {
        "mnist_model.pth",
        "record.json",
        "curves.png",
    }
    assert re.search(r'"processes": 2', (tmp_path / "record.json").read_text())


def test_a_batch_that_cannot_be_shared_is_refused_in_one_line(tmp_path):
    process = subprocess.run(
        [sys.executable, "-m", "s6erav3", "train", "--dataset", "digits"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "WORLD_SIZE": "3", "RANK": "0", "LOCAL_RANK": "0"},
    )
    assert (
        process.returncode == 2
        and process.stderr.count("\n") == 1
        and "3 processes cannot share a batch of 128" in process.stderr
    )


def test_a_killed_worker_ends_the_run(tmp_path):
    process = _torchrun(
        "train",
        "--recipe",
        "original",
        "--dataset",
        "digits",
        "--epochs",
        10_000,
        "--out",
        tmp_path,
        start_new_session=True,
    )
    try:
        while "Epoch [1/" not in process.stdout.readline():
            assert process.poll() is None, process.stderr.read()
        workers = subprocess.run(
            ["pgrep", "-P", str(process.pid)], capture_output=True, text=True
        ).stdout.split()
        os.kill(int(workers[-1]), signal.SIGKILL)
        start = time.monotonic()
        process.communicate(timeout=60)
        assert process.returncode != 0 and time.monotonic() - start < 60
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert not list(tmp_path.iterdir())
