"""Runs the command, and kills this process when it has written its checkpoint this far:

`python dying.py WHERE FRACTION ARGUMENT...`

The kill comes at the first write of a checkpoint. What a killed process has written stays written,
so a file that is cut off at FRACTION of its size is what a kill in the middle of it leaves."""

import os
import sys
from pathlib import Path

from running import kill
from s6erav3.__main__ import main
from s6erav3.training.train import CHECKPOINT_FILE

WHERE = ("partly written", "not renamed", "renamed")


def watch_renames(where: str, fraction: float):
    "Wait for the checkpoint to get its name, and kill this process just before or after that."

    def hook(event: str, args: tuple):
        if event != "os.rename" or Path(args[1]).name != CHECKPOINT_FILE:
            return
        if where == "renamed":
            sys.addaudithook(kill_at_the_next_event)
            return
        if where == "partly written":
            os.truncate(args[0], int(fraction * os.path.getsize(args[0])))
        kill(os.getpid())

    sys.addaudithook(hook)


def kill_at_the_next_event(event: str, _):
    "The next thing that a write does is to open the folder, in order to sync it."
    if event == "open":
        kill(os.getpid())


if __name__ == "__main__":
    watch_renames(sys.argv[1], float(sys.argv[2]))
    sys.exit(main(sys.argv[3:]))
