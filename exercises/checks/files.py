"Checks of exercises/files.ipynb."

import os
import tempfile
import threading
from pathlib import Path

from checks import FUNCTION, TEXTS, call, check
from s6erav3.files import exclusive_lock

STEPS = {
    "write a temporary file": "content",
    "sync the file": "sync",
    "rename it": "rename",
    "sync the folder": "folder",
}


def _found_after(done) -> set:
    """What a disk may hold under the name if the machine stops after these steps.

    What was not synced may or may not have reached the disk.
    """
    if "rename" not in done:
        return {"the old text"}
    written = "content" in done
    synced = written and "sync" in done and done.index("sync") > done.index("content")
    if synced:
        found = {"the new text"}
    elif written:
        found = {"the new text", "half of it"}
    else:
        found = {"nothing"}
    certain = "folder" in done and done.index("folder") > done.index("rename")
    return found if certain else found | {"the old text"}


@check(
    "A power cut after any step leaves the old text or the new one, "
    "and after the last step the new one for certain.",
    TEXTS,
)
def check_order(order):
    "The steps of an atomic write in their order."
    if unknown := [step for step in order if step not in STEPS]:
        return f"{unknown[0]!r} is none of the steps."
    if len(set(order)) < len(order):
        return "One step is enough of each kind."
    done = [STEPS[step] for step in order]
    if "rename" not in done:
        return "Without the rename the file keeps its old text for ever."
    if "content" not in done or done.index("rename") < done.index("content"):
        return "You rename before there is anything in the file."
    for n in range(len(done) + 1):
        if found := _found_after(done[:n]) - {"the old text", "the new text"}:
            return (
                f"If the power fails after '{order[n - 1]}', the disk may hold {found.pop()}: "
                "the new name is there, and the text may still be in memory."
            )
    if _found_after(done) != {"the new text"}:
        return (
            "After the last step a power cut can still bring the old text back: "
            "the folder's new list of names may be in memory only."
        )


OLD = "the old poem\n"
PARTS = ["Half a league, ", "half a league,\n"]


def _text(path: Path) -> str | None:
    "What a file holds; None if it is not there."
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _others(path: Path) -> list[str]:
    "The names of other files in the same folder."
    return sorted(set(os.listdir(path.parent)) - {path.name})


def _fault_after_failure(path: Path) -> str | None:
    "What is wrong in the folder after the parts stopped coming."
    if _text(path) != OLD:
        return "When the parts stop coming, the old text is gone, and half of the new one is there."
    if others := _others(path):
        return f"After a failure the file {others[0]} is left."


def _fault_after_success(path: Path) -> str | None:
    "What is wrong in the folder after all parts were written."
    found = _text(path)
    if found != "".join(PARTS):
        return f"The file holds {found!r} in the end, not {''.join(PARTS)!r}."
    if others := _others(path):
        return f"After a success the file {others[0]} is left."


@check(
    "A reader sees the old text until the new one is complete, and a failure leaves no trace.",
    FUNCTION,
)
def check_save(save):
    "`save(path, parts)`: write texts that come one after another, all of them or nothing."
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "poem.txt"
        path.write_text(OLD, encoding="utf-8")
        inode = path.stat().st_ino
        seen = []

        def parts(error):
            for part in PARTS:
                yield part
                seen.append(_text(path))
                if error:
                    raise error

        for error in (InterruptedError("the power is gone"), ValueError("no such verse")):
            try:
                call(save, path, parts(error))
            except type(error):
                pass
            else:
                return (
                    "A failed write raises no error: its caller would believe that the file is "
                    "there."
                )
            if fault := _fault_after_failure(path):
                return fault
        call(save, path, parts(None))
        if fault := _fault_after_success(path):
            return fault
        if any(text != OLD for text in seen):
            return "A reader who comes while you write sees neither the old text nor the new one."
        if path.stat().st_ino == inode:
            return (
                "It is still the old file, emptied and filled again. If the machine stops between, "
                "half of it is there; only a rename is atomic."
            )


def _counts(add, folder: str) -> tuple[list, bool, str]:
    "Errors of `add`, whether it ended, and the count while another holds the lock."
    path = Path(folder) / "count.txt"
    path.write_text("1")
    failed = []

    def work():
        try:
            call(add, folder)
        except BaseException as error:
            failed.append(error)

    other = threading.Thread(target=work, daemon=True)
    with exclusive_lock(folder):
        other.start()
        other.join(0.3)
        early = _text(path)
        path.write_text("5")
    other.join(5)
    return failed, not other.is_alive(), early


@check("It waits for the lock, and counts from what it finds then.", FUNCTION)
def check_add(add):
    "`add(folder)`: add one to the number in count.txt, however many do so at the same time."
    with tempfile.TemporaryDirectory() as folder:
        failed, ended, early = _counts(add, folder)
        count = _text(Path(folder) / "count.txt")
        count = count and count.strip()
    if failed and isinstance(failed[0], BlockingIOError):
        return "Where another holds the lock it stops with an error: wait a little and try again."
    if failed:
        raise failed[0]
    if not ended:
        return "It has not ended five seconds after the lock was released."
    if (early or "").strip() != "1":
        return f"While another held the lock, the count was changed to {early}."
    if count == "5":
        return "Where another holds the lock, nothing is added at all: wait and try again."
    if count == "2":
        return (
            "It read 1 before it had the lock. By then another had written 5, "
            "and that is overwritten: read inside the lock."
        )
    if count != "6":
        return f"The count should go from 5 to 6; it is {count}."
