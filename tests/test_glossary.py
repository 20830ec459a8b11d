"""The glossary has what the notebooks link to, and says truly where a word is used.

Prose has the terms of the field, not those that this course had for them before.

Each test is one rule. It collects all faults and names them.
"""

import ast
import functools
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import budgets  # noqa: E402
import pages  # noqa: E402

GLOSSARY = ROOT / "nbs" / "glossary.ipynb"
LESSONS = pages.lessons()
LINKING = [*pages.notebooks(), *pages.exercises(), *pages.solutions()]
FIRST_MET = re.compile(r"First met in \[[^\]]+\]\(([\w/]+\.ipynb)\)\.$")


def listed(faults) -> str:
    "Faults as the message of an assertion, one a line."
    return "\n".join(["", *faults])


@functools.cache
def sources(path: Path, *kinds: str) -> str:
    "The sources of the cells of some kinds, one after another."
    found = [cell["source"] for cell in pages.all_cells(path) if cell["cell_type"] in kinds]
    return "\n\n".join(found)


@functools.cache
def plain(text: str) -> str:
    "In lower case, with single spaces for all that may stand between words."
    return re.sub(r"[\s_-]+", " ", text.lower())


ENTRIES = dict(re.findall(r"^### (.+)\n\n((?:(?!^#).+\n?)+)", sources(GLOSSARY, "markdown"), re.M))
ANCHORS = {term.replace(" ", "-") for term in ENTRIES}


def test_it_is_text_that_opens_with_title_and_promise():
    cells = pages.all_cells(GLOSSARY)
    assert re.match(r"# .+\n\n> .+\n\n", cells[0]["source"])
    assert all(cell["cell_type"] == "markdown" and cell["metadata"] == {} for cell in cells)


def test_what_is_linked_to_is_explained():
    faults = []
    for path in LINKING:
        text = sources(path, "markdown")
        for target, anchor in re.findall(r"\]\(([\w./]*glossary\.ipynb)(?:#([^)]*))?\)", text):
            if (path.parent / target).resolve() != GLOSSARY:
                faults.append(f"{pages.place(path)}: there is no {target}")
            if anchor and anchor not in ANCHORS:
                faults.append(f"{pages.place(path)}: the glossary has no entry #{anchor}")
    assert not faults, listed(faults)


def test_entries_stand_in_alphabetical_order():
    text = sources(GLOSSARY, "markdown")
    assert len(ENTRIES) == len(re.findall(r"^### ", text, re.M)) > 50
    assert list(ENTRIES) == sorted(ENTRIES)
    assert all(term == term.lower() for term in ENTRIES)
    letters = re.findall(r"^##(#?) (.)", text, re.M)
    for (deeper, letter), (_, before) in zip(letters[1:], letters):
        assert letter == before if deeper else letter > before


def pages_with(pattern: str, *kinds: str) -> list[str]:
    "The lessons in whose cells a pattern is found, in the order in which they are read."
    return [
        path.relative_to(GLOSSARY.parent).as_posix()
        for path in LESSONS
        if re.search(pattern, plain(sources(path, *kinds)))
    ]


def first_pages(term: str) -> list[str]:
    "The first page of the course that links to an entry; if none does, all that use its term."
    linking = pages_with(rf"glossary\.ipynb#{re.escape(term)}\)", "markdown")
    linking = [page for page in linking if "/" not in page]
    words = r"\b" + r"\w* ".join(word[:5] for word in plain(term).split())  # in any form
    return linking[:1] or pages_with(words, "markdown", "code")


def test_words_are_first_met_where_the_entries_say():
    "A page that explains a term links to its entry."
    faults = []
    for term, explanation in ENTRIES.items():
        met, pages_of_term = FIRST_MET.findall(explanation.strip()), first_pages(term)
        if len(met) != 1 or met[0] not in pages_of_term:
            faults.append(f"{term}: first met in {met}, it must be one of {pages_of_term}")
    assert not faults, listed(faults)


def test_entries_link_to_what_is_there():
    text = "".join(ENTRIES.values())
    faults = [
        f"there is no entry #{anchor}"
        for anchor in re.findall(r"\]\(#([^)]+)\)", text)
        if anchor not in ANCHORS
    ]
    faults += [
        f"there is no {name}"
        for name in re.findall(r"\]\(([\w/]+\.ipynb)", sources(GLOSSARY, "markdown"))
        if not (GLOSSARY.parent / name).is_file()
    ]
    assert not faults, listed(faults)


DOCUMENTS = ("README", "CONTENTS", "INSTALL", "TEACHING", "CONTRIBUTING")
FORMER_WORDS = {  # and the terms of the field; only words that mean nothing else here
    "digits held out": "validation set",
    "held-out digits": "validation set",
    "digits to learn from": "training set",
    "digits learnt from": "training set",
    "pupil": "student",
    "misread": "misclassified",
    "read wrongly": "misclassified",
    "taken for": "predicted as",
    "rightly": "correctly",
    "verdict": "prediction",
    "unsure": "not confident",
    "how wrong": "loss",
    "less wrong": "a lower loss",
    "puts out": "outputs",
    "gives out": "outputs",
    "blanked": "zeroed",
    "plain epoch": "epoch without augmentation",
    "ladder": "ablation",
    "rung": "ablation step",
    "made fast": "accelerated",
    "shorter numbers": "lower precision",
    "stand-in": "fallback",
    "for the curious": "optional",
    "written whole": "atomic",
    "to oneself": "exclusive",
}


def strings(source: str) -> str:
    "The texts in a cell of code: docstrings, labels, messages, and the alt text of its figure."
    nodes = ast.walk(budgets.parse(source))
    values = [node.value for node in nodes if isinstance(node, ast.Constant)]
    texts = [value for value in values if isinstance(value, str)]
    return "\n\n".join([pages.alt_text(source), *texts])


def prose(path: Path) -> dict[str, str]:
    "All that a file says in words, by place: a cell of a notebook, or a document."
    if path.suffix == ".md":
        return {pages.place(path): path.read_text(encoding="utf-8")}
    found = {}
    for cell in pages.all_cells(path):
        is_code = cell["cell_type"] == "code"
        text = strings(cell["source"]) if is_code else cell["source"]
        found[f"{pages.place(path)}, cell {cell['index']}"] = text
    return found


def test_former_words_do_not_come_back():
    words = "|".join(map(re.escape, FORMER_WORDS))
    former = re.compile(rf"\b({words})s?\b", re.I)
    faults = []
    for path in [*LINKING, *(ROOT / f"{name}.md" for name in DOCUMENTS)]:
        for where, text in prose(path).items():
            in_one_line = re.sub(r"\s+", " ", text)
            faults += [
                f"{where}: {word!r}; the field's term is: {FORMER_WORDS[word.lower()]}"
                for word in former.findall(in_one_line)
            ]
    assert not faults, listed(faults)
