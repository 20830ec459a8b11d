"Checks of exercises/00_files.ipynb."

import os
import tempfile
import threading
import time
from pathlib import Path

from checks import call, check
from s6erav3.files import folder_to_oneself

STEPS = {
    "write the file beside": "content",
    "sync the file": "sync",
    "rename it": "rename",
    "sync the folder": "folder",
}


def _found_after(done) -> set:
    "What a disk may hold under the name after steps were done and the machine went down: synced or not, a thing may have reached the disk."
    written, synced = "content" in done, "sync" in done
    if "rename" not in done:
        return {"the old text"}
    whole = written and synced and done.index("sync") > done.index("content")
    kept = {"the new text"} if whole else {"the new text", "half of it"} if written else {"nothing"}
    certain = "folder" in done and done.index("folder") > done.index("rename")
    return kept if certain else kept | {"the old text"}


@check(
    "A power cut after any step leaves the old text or the new one, and after the last step the new one for certain."
)
def check_order(order):
    "The steps of a careful writer in their order."
    order = list(order)
    if unknown := [step for step in order if step not in STEPS]:
        return f"{unknown[0]!r} is none of the steps."
    if len(set(order)) < len(order):
        return "One step is enough of each kind."
    done = [STEPS[step] for step in order]
    if "rename" not in done:
        return "Without the renaming the file keeps its old text for ever."
    if "content" not in done or done.index("rename") < done.index("content"):
        return "You rename before there is anything in the file."
    for n in range(len(done) + 1):
        if found := _found_after(done[:n]) - {"the old text", "the new text"}:
            return f"If the power fails after '{order[n - 1]}', the disk may hold {found.pop()}: the new name is there, and the text may still be in memory."
    if _found_after(done) != {"the new text"}:
        return "After the last step a power cut can still bring the old text back: the folder's new list of names may be in memory only."


OLD, PARTS = "the old poem\n", ["Half a league, ", "half a league,\n"]


@check("A reader sees the old text until the new one is whole, and a failure leaves no trace.")
def check_save(save):
    "`save(path, parts)`: write texts that come one after another, all of them or nothing."
    with tempfile.TemporaryDirectory() as folder:
        path, seen = Path(folder) / "poem.txt", []
        path.write_text(OLD, encoding="utf-8")
        before = path.stat().st_ino

        def parts(fail):
            for part in PARTS:
                yield part
                seen.append(path.read_text(encoding="utf-8"))
                if fail:
                    raise InterruptedError("the power is gone")

        try:
            call(save, path, parts(True))
        except InterruptedError:
            pass
        else:
            return "A failure while writing is kept secret: who asked for the file would believe it is there."
        if path.read_text(encoding="utf-8") != OLD:
            return "When the parts stop coming halfway, the old text is gone, and half of the new one is there."
        if len(os.listdir(folder)) > 1:
            return f"After a failure {sorted(set(os.listdir(folder)) - {path.name})[0]} is left lying about."
        call(save, path, parts(False))
        if path.read_text(encoding="utf-8") != "".join(PARTS):
            return f"The file holds {path.read_text(encoding='utf-8')!r} in the end, not {''.join(PARTS)!r}."
        if len(os.listdir(folder)) > 1:
            return f"After a success {sorted(set(os.listdir(folder)) - {path.name})[0]} is left lying about."
        if any(text != OLD for text in seen):
            return "A reader who comes while you write sees neither the old text nor the new one."
        if path.stat().st_ino == before:
            return "It is still the old file, emptied and filled again. If the machine stops in between, half of it is there; only a rename is done at once."


@check("It waits for its turn, and counts from what it finds then.")
def check_add(add):
    "`add(folder)`: add one to the number in count.txt, however many do so at the same time."
    with tempfile.TemporaryDirectory() as folder:
        path, failed = Path(folder) / "count.txt", []
        path.write_text("1")

        def work():
            try:
                call(add, folder)
            except BaseException as error:
                failed.append(error)

        other = threading.Thread(target=work, daemon=True)
        with folder_to_oneself(folder):
            other.start()
            time.sleep(0.3)
            early = path.read_text()
            path.write_text("5")
        other.join(5)
        if failed and isinstance(failed[0], BlockingIOError):
            return "Where another has the folder it gives up with an error: wait a little and try again."
        if failed:
            raise failed[0]
        if other.is_alive():
            return "It has not come back five seconds after the folder was free."
        if early != "1":
            return f"While another had the folder to itself, the count was changed to {early}."
        if path.read_text() == "5":
            return "Where another has the folder, nothing is added at all: wait and try again."
        if path.read_text() == "2":
            return "It read 1 before it had the folder. By then another had made 5 of it, and that is overwritten: read inside the lock."
        if path.read_text() != "6":
            return f"The count should go from 5 to 6; it is {path.read_text()}."
