"The glossary has what the notebooks link to, and says truly where a word is used."

import functools
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GLOSSARY = ROOT / "nbs" / "glossary.ipynb"
NOTEBOOKS = [
    path
    for path in sorted((*(ROOT / "nbs").glob("*.ipynb"), *(ROOT / "exercises").rglob("*.ipynb")))
    if path != GLOSSARY and ".ipynb_checkpoints" not in path.parts
]
UNUSED = {"weight decay"}  # explained, since readers know it from elsewhere


@functools.cache
def sources(path: Path, *kinds) -> str:
    return "\n\n".join(
        "".join(cell["source"])
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] in kinds
    )


@functools.cache
def plain(text: str) -> str:
    "In lower case, with single spaces for all that may stand between words."
    return re.sub(r"[\s_-]+", " ", text.lower())


ENTRIES = dict(re.findall(r"^### (.+)\n\n((?:(?!^#).+\n?)+)", sources(GLOSSARY, "markdown"), re.M))
ANCHORS = {term.replace(" ", "-") for term in ENTRIES}


def test_it_is_text_that_opens_with_title_and_promise():
    cells = json.loads(GLOSSARY.read_text(encoding="utf-8"))["cells"]
    assert re.match(r"# .+\n\n> .+\n\n", "".join(cells[0]["source"]))
    assert all(cell["cell_type"] == "markdown" and cell["metadata"] == {} for cell in cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_is_linked_to_is_explained(path):
    links = re.findall(r"\]\(([\w./]*glossary\.ipynb)(?:#([^)]*))?\)", sources(path, "markdown"))
    for target, anchor in links:
        assert (path.parent / target).resolve() == GLOSSARY, target
        assert not anchor or anchor in ANCHORS, anchor


def test_entries_stand_in_alphabetical_order():
    assert len(ENTRIES) == len(re.findall(r"^### ", sources(GLOSSARY, "markdown"), re.M)) > 50
    assert list(ENTRIES) == sorted(ENTRIES) and all(term == term.lower() for term in ENTRIES)
    letters = re.findall(r"^##(#?) (.)", sources(GLOSSARY, "markdown"), re.M)
    for (deeper, letter), (_, before) in zip(letters[1:], letters):
        assert letter == before if deeper else letter > before


@pytest.mark.parametrize("term", ENTRIES)
def test_word_is_met_where_the_entry_says(term):
    words = r"\b" + r"\w* ".join(word[:5] for word in term.split())  # in whatever form they end
    uses = {
        path.name
        for path in NOTEBOOKS
        if path.parent == GLOSSARY.parent
        and re.search(words, plain(sources(path, "markdown", "code")))
    }
    met = re.findall(r"First met in \[(\d\d)\]\((\1_\w+\.ipynb)\)\.$", ENTRIES[term].strip())
    if term in UNUSED:
        assert not met and not uses, "it is used now: say where it is first met"
    else:
        assert len(met) == 1 and met[0][1] in uses, (met, sorted(uses))


def test_entries_link_to_what_is_there():
    for anchor in re.findall(r"\]\(#([^)]+)\)", "".join(ENTRIES.values())):
        assert anchor in ANCHORS, anchor
    for name in re.findall(r"\]\((\w+\.ipynb)", sources(GLOSSARY, "markdown")):
        assert (GLOSSARY.parent / name).is_file(), name
