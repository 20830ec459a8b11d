"""Compare ways to be taught: `python tools/lessons.py [ROUND …]` makes the rounds named, or all.

Of the 60,000 digits a fold of 20,000 is held out. A teacher learns from the others; then all pupils of a round do, in step: they
see the same batches, turned and bent in the same way, and the same answers of the teacher. So two pupils of a fold differ in
nothing but what is said of them, and the teacher is trained and asked once. The test digits are never looked at. The rows, one for
each pupil and every fifth epoch, go to results/teacher/lessons.json; started again, it makes only what is missing there. The rows that
are there now were made while this file was being written: made again, they differ as two seeds do.
"""

import json
import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from joblib import Parallel, delayed
from torch import nn

from s6erav3.data import load_splits
from s6erav3.files import written_whole
from s6erav3.models.model import CHANNELS, MNISTModel, load_weights, save_weights
from s6erav3.training.compute import Objective, autocast, twin
from s6erav3.training.train import (
    Recipe,
    _Average,
    _make_scheduler,
    evaluate,
    fit,
    make_batch,
    make_optimizer,
)

ROOT = Path(__file__).resolve().parent.parent
RECORDS, RUNS, HOLDOUT = (
    ROOT / "results" / "teacher" / "lessons.json",
    ROOT / "runs" / "lessons",
    20_000,
)
AMOUNTS = ("rotation", "scale", "translate", "shear", "elastic")
WIDE = tuple(3 * c for c in CHANNELS)
LEARNS = replace(Recipe.best(), name="taught", teacher=0)
TEACHERS = {  # channels, pool, and how many of the last epochs are plain
    "as in best": (WIDE, "published", LEARNS.plain_epochs),
    "wider, global average": ((32, 32, 32, 48, 48, 64), "global", LEARNS.plain_epochs),
    "no plain epochs": (WIDE, "published", 0),
}


@dataclass(frozen=True)
class Pupil:
    "What one pupil has otherwise than the others."

    weight: float = 0.9  # of the teacher in the loss
    temperature: float = 2.0
    squared: bool = True  # is the divergence multiplied by the squared temperature?
    learning_rate: float = LEARNS.learning_rate
    muon: float = LEARNS.muon
    ema: float = 0.0
    plain_epochs: int = LEARNS.plain_epochs
    strength: float = 1.0  # what every amount of the augmentation is multiplied by
    late: float = 0.0  # the same for the plain epochs
    corrected: bool = False  # where the teacher errs, do its scores of its answer and of the label change places (Wen, Lai and Qian 2019)?
    normalised: bool = (
        False  # are the 3×3 kernels of a layer brought back to their first norm after each step?
    )
    seed: int = 0  # of the first weights, added to the fold


@dataclass(frozen=True)
class Round:
    pupils: tuple
    folds: tuple = (0, 1)
    teacher: str = "as in best"
    batch_size: int = LEARNS.batch_size


ROUNDS = {
    "loss": Round(
        (
            Pupil(),
            Pupil(squared=False),
            Pupil(temperature=1.0),
            Pupil(temperature=1.0, weight=1.0),
            Pupil(temperature=4.0, squared=False),
            Pupil(learning_rate=0.1),
            Pupil(squared=False, muon=0.03),
            Pupil(squared=False, ema=0.999),
            Pupil(weight=0.0),
        )
    ),
    "softer": Round(
        (
            Pupil(weight=1.0),
            Pupil(temperature=4.0, weight=1.0),
            Pupil(temperature=4.0),
            Pupil(temperature=4.0, weight=1.0, learning_rate=0.1),
        ),
        folds=(1,),
    ),
    "teacher": Round(
        (
            Pupil(weight=1.0),
            Pupil(temperature=4.0, weight=1.0),
            Pupil(),
            Pupil(temperature=4.0, weight=1.0, learning_rate=0.1),
        ),
        folds=(0,),
        teacher="wider, global average",
    ),
    "late": Round((Pupil(), Pupil(late=0.3), Pupil(late=0.5), Pupil(plain_epochs=1)), folds=(0,)),
    "turned": Round(
        (Pupil(), Pupil(seed=10), Pupil(normalised=True), Pupil(normalised=True, muon=0.008)),
        folds=(1,),
        teacher="no plain epochs",
    ),
    "turned-normalised": Round(
        (
            Pupil(normalised=True, muon=0.03),
            Pupil(normalised=True, muon=0.014),
            Pupil(normalised=True, seed=10),
            Pupil(normalised=True, learning_rate=0.1),
        ),
        folds=(1,),
        teacher="no plain epochs",
    ),
    "normalised": Round(
        (
            Pupil(normalised=True),
            Pupil(normalised=True, muon=0.03),
            Pupil(normalised=True, muon=0.014),
            Pupil(normalised=True, weight=0.0),
        ),
        folds=(0,),
    ),
    "corrected": Round(
        (
            Pupil(corrected=True),
            Pupil(weight=0.5),
            Pupil(strength=0.5),
            Pupil(corrected=True, strength=0.5),
        ),
        folds=(0,),
    ),
    "64": Round(
        (
            Pupil(learning_rate=0.2),
            Pupil(learning_rate=0.2, muon=0.014),
            Pupil(learning_rate=0.2, muon=0.03),
        ),
        folds=(1,),
        batch_size=64,
    ),
}


class Lesson(nn.Module):
    "From a batch, its labels and the teacher's scores to a pupil's loss."

    def __init__(self, model, pupil):
        super().__init__()
        self.model, self.pupil = Objective(model, "bfloat16").model, pupil

    def forward(self, x, labels, wanted):
        with autocast(x.device, "bfloat16"):
            scores = self.model(x)
        scores, pupil = scores.float(), self.pupil
        mine, theirs = (F.log_softmax(s / pupil.temperature, dim=1) for s in (scores, wanted))
        divergence = F.kl_div(mine, theirs, reduction="batchmean", log_target=True) * (
            pupil.temperature**2 if pupil.squared else 1
        )
        return pupil.weight * divergence + (1 - pupil.weight) * F.cross_entropy(scores, labels)


def corrected(scores, labels) -> torch.Tensor:
    "The scores with those of the label and of the highest in each other's place."
    own, best = scores.gather(1, labels[:, None]), scores.max(dim=1, keepdim=True)
    return scores.scatter(1, best.indices, own).scatter(1, labels[:, None], best.values)


class Learner:
    "A pupil at work: its network, its loss (compiled for full batches), its optimiser."

    def __init__(self, pupil, recipe, seed, steps, full):
        self.pupil, self.full = pupil, full
        torch.manual_seed(seed + pupil.seed)
        self.model = MNISTModel(dropout=0).to(memory_format=torch.channels_last)
        self.kernels = [p for p in self.model.parameters() if p.ndim == 4 and p.shape[2] == 3]
        self.norms = [kernel.detach().norm() for kernel in self.kernels]
        self.loss = Lesson(self.model, pupil)
        self.compiled = torch.compile(twin(self.loss), dynamic=False)
        recipe = replace(recipe, learning_rate=pupil.learning_rate, muon=pupil.muon)
        self.optimizer = make_optimizer(self.model, recipe)
        self.scheduler = _make_scheduler(self.optimizer, recipe, steps)
        self.average = _Average(self.model, pupil.ema) if pupil.ema else None

    def strength(self, epoch) -> float:
        return (
            self.pupil.late
            if epoch > LEARNS.epochs - self.pupil.plain_epochs
            else self.pupil.strength
        )

    def step(self, x, labels, wanted):
        if self.pupil.corrected:
            wanted = corrected(wanted, labels)
        loss = (self.compiled if len(x) == self.full else self.loss)(x, labels, wanted)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.scheduler.step()
        if self.average:
            self.average.update()
        if self.pupil.normalised:
            self.normalise()

    @torch.no_grad()
    def normalise(self):
        for kernel, norm in zip(self.kernels, self.norms):
            kernel.mul_(norm / kernel.norm())

    def measure(self, digits):
        if self.average:
            self.average.swap()
        result = evaluate(self.model, digits)
        if self.average:
            self.average.swap()
        return result


def digits_of(fold):
    return load_splits("mnist", fold=fold, holdout=HOLDOUT)


def trained_teacher(name, fold) -> MNISTModel:
    "The teacher of a fold, in evaluation mode; trained where there is none yet."
    channels, pool, plain_epochs = TEACHERS[name]
    torch.manual_seed(fold)
    model, path = MNISTModel(channels, 0.0, pool), RUNS / f"{name}-{fold}.pth"
    if path.is_file():
        return load_weights(model, path).eval()
    fit(
        model,
        replace(LEARNS, epochs=LEARNS.epochs // 2, plain_epochs=plain_epochs),
        digits_of(fold).train,
        seed=fold,
        verbose=False,
    )
    save_weights(model, path)
    return model.eval()


def rows_of(name, fold) -> list[dict]:
    "Give the lessons of a round in one fold; what became of its pupils."
    torch.set_num_threads(1)
    this, splits = ROUNDS[name], digits_of(fold)
    images, labels = splits.train
    recipe, generator = (
        replace(LEARNS, batch_size=this.batch_size),
        torch.Generator().manual_seed(fold),
    )
    teacher = Objective(
        trained_teacher(this.teacher, fold).to(memory_format=torch.channels_last), "bfloat16"
    ).model.eval()
    asked = torch.compile(teacher, dynamic=False)
    learners = [
        Learner(pupil, recipe, fold, math.ceil(len(labels) / this.batch_size), this.batch_size)
        for pupil in this.pupils
    ]
    rows = []
    for epoch in range(1, recipe.epochs + 1):
        for learner in learners:
            learner.model.train()
        strengths = sorted({learner.strength(epoch) for learner in learners})
        for batch in torch.randperm(len(labels), generator=generator).split(this.batch_size):
            lesson = {}
            for strength in strengths:
                x, y = make_batch(
                    images,
                    labels,
                    batch,
                    replace(
                        recipe, **{amount: strength * getattr(recipe, amount) for amount in AMOUNTS}
                    ),
                    generator,
                )
                with torch.no_grad(), autocast(x.device, "bfloat16"):
                    lesson[strength] = (
                        x,
                        y,
                        (asked if len(x) == this.batch_size else teacher)(x).float(),
                    )
            for learner in learners:
                learner.step(*lesson[learner.strength(epoch)])
        if epoch % 5 == 0:
            for learner in learners:
                loss, accuracy = learner.measure(splits.valid)
                rows.append(
                    {
                        "round": name,
                        "teacher": this.teacher,
                        "batch_size": this.batch_size,
                        "fold": fold,
                        **vars(learner.pupil),
                        "epoch": epoch,
                        "validation_loss": loss,
                        "validation_accuracy": accuracy,
                    }
                )
    return rows


def main(names) -> int:
    "Make the rounds named, or all; the exit status."
    if unknown := set(names) - ROUNDS.keys():
        print(
            f"Error: there is no round {', '.join(sorted(unknown))}; choose among {', '.join(ROUNDS)}",
            file=sys.stderr,
        )
        return 2
    rows = json.loads(RECORDS.read_text(encoding="utf-8")) if RECORDS.is_file() else []
    RUNS.mkdir(parents=True, exist_ok=True)
    missing = [
        (name, fold)
        for name in names or ROUNDS
        for fold in ROUNDS[name].folds
        if not any((row["round"], row["fold"]) == (name, fold) for row in rows)
    ]
    Parallel(n_jobs=-1)(
        delayed(trained_teacher)(*one)
        for one in dict.fromkeys((ROUNDS[name].teacher, fold) for name, fold in missing)
    )
    for made in Parallel(n_jobs=-1, return_as="generator")(
        delayed(rows_of)(*one) for one in missing
    ):
        rows += made
        with written_whole(RECORDS) as part:
            part.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
