"""How much of their budgets the notebooks and the package use: `python tools/budgets.py [FOLDER]`.

What is counted is statements, not lines: `ruff format` decides how many lines a statement takes.
tests/test_house.py holds the limits that are written here.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median

import pages

ROOT = pages.ROOT
MEDIAN_CELL, LONGEST_CELL = 6, 25  # statements
MEAN_FUNCTION, LONGEST_FUNCTION = 10, 25  # statements
MOST_PARAMETERS = 6
PROSE_TO_CODE = (0.5, 1.2)  # prose cells for each cell of code, on the pages of the course
LARGEST_NOTEBOOK = 1_000_000  # bytes

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BRANCHING = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.IfExp)


def parse(source: str) -> ast.Module:
    "The syntax tree of a cell or a module; lines for the shell and for IPython count as `pass`."
    return ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.M))


def is_docstring(node: ast.AST) -> bool:
    "Whether a statement is nothing but a text."
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def declarations(tree: ast.AST) -> set[ast.AST]:
    "The fields that classes declare: names with a type."
    return {
        field
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for field in node.body
        if isinstance(field, ast.AnnAssign)
    }


def statements(tree: ast.AST) -> int:
    "The statements in a tree, itself not counted; docstrings and the fields of classes are none."
    fields = declarations(tree)
    return sum(
        isinstance(node, ast.stmt)
        and node is not tree
        and node not in fields
        and not is_docstring(node)
        for node in ast.walk(tree)
    )


def only_imports(tree: ast.Module) -> bool:
    "Whether a cell does nothing but import, so that nobody has to read it."
    return all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in tree.body)


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    "Every function in a tree with its full name, at any depth."
    for node in ast.iter_child_nodes(tree):
        name = f"{prefix}{node.name}" if isinstance(node, DEFINITIONS) else ""
        if isinstance(node, FUNCTIONS):
            yield name, node
        yield from functions(node, f"{name}." if name else prefix)


def parameters(function: ast.FunctionDef) -> list[str]:
    "The names of a function's parameters, all but `self` and `cls`."
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    packed = [one for one in (given.vararg, given.kwarg) if one]
    return [one.arg for one in (*named, *packed) if one.arg not in ("self", "cls")]


def holds_another(node: ast.AST) -> bool:
    "Whether a comprehension or conditional expression stands inside `node`."
    return any(isinstance(part, BRANCHING) for part in ast.walk(node) if part is not node)


def nested(tree: ast.AST) -> list[ast.AST]:
    "Comprehensions and conditional expressions in which another one stands."
    return [node for node in ast.walk(tree) if isinstance(node, BRANCHING) and holds_another(node)]


def modules(root: Path = ROOT) -> list[Path]:
    "The modules of the package that a notebook writes."
    found = sorted((root / "s6erav3").rglob("*.py"))
    return [path for path in found if path.name not in ("__init__.py", "_modidx.py")]


def module_tree(path: Path) -> ast.Module:
    "The syntax tree of a module."
    return ast.parse(path.read_text(encoding="utf-8"))


def exported(path: Path) -> list:
    "The functions and classes of a module that its `__all__` names."
    tree = module_tree(path)
    lists = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
    ]
    names = lists[0] if lists else []
    return [node for node in tree.body if isinstance(node, DEFINITIONS) and node.name in names]


def with_default(function: ast.FunctionDef) -> set[str]:
    "The parameters of a function that have a default."
    given = function.args
    optional = [one.arg for one in (*given.posonlyargs, *given.args)][::-1][: len(given.defaults)]
    keywords = zip(given.kwonlyargs, given.kw_defaults)
    return {*optional, *(one.arg for one, default in keywords if default)}


def returns_something(function: ast.FunctionDef) -> bool:
    "Whether a function returns a value; what functions in it return does not count."
    inner = {
        part
        for node in ast.walk(function)
        if isinstance(node, (*FUNCTIONS, ast.Lambda)) and node is not function
        for part in ast.walk(node)
    }
    return any(
        isinstance(node, ast.Return) and node.value is not None and node not in inner
        for node in ast.walk(function)
    )


def untyped(function: ast.FunctionDef) -> list[str]:
    "Parameters without a type and a default, and `return` where a value is returned and not typed."
    given = function.args
    named = (*given.posonlyargs, *given.args, *given.kwonlyargs)
    known = {"self", "cls", *with_default(function)}
    bare = [one.arg for one in named if one.annotation is None and one.arg not in known]
    if function.returns is None and returns_something(function):
        bare.append("return")
    return bare


def has_figure(cell: dict) -> bool:
    "Whether a cell's saved outputs show an image."
    return any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def first_figure(path: Path) -> int | None:
    "The number of the first cell that shows a figure, counted from 1; None if there is none."
    return next((cell["index"] + 1 for cell in pages.all_cells(path) if has_figure(cell)), None)


def notebook(path: Path, root: Path = ROOT) -> dict:
    "How much of its budgets a notebook uses."
    code, prose = pages.cells(path), pages.cells(path, "markdown")
    trees = [parse(cell["source"]) for cell in code]
    lengths = [statements(tree) for tree in trees if not only_imports(tree)]
    return {
        "notebook": pages.place(path, root),
        "code cells": len(code),
        "median": median(lengths),
        "longest": max(lengths),
        "prose to code": round(len(prose) / len(code), 2),
        "first figure": first_figure(path),
        "kB": path.stat().st_size // 1000,
    }


def package(root: Path = ROOT) -> str:
    "How much of its budgets the package uses, in a sentence."
    trees = [module_tree(path) for path in modules(root)]
    found = [node for tree in trees for _, node in functions(tree)]
    lengths = [statements(node) for node in found]
    return (
        f"package: {sum(map(statements, trees)):,} statements in {len(trees)} modules; "
        f"{len(found)} functions of {mean(lengths):.1f} statements, {max(lengths)} at most, "
        f"and {max(len(parameters(node)) for node in found)} parameters at most"
    )


def main(folder: Path | str = ROOT) -> int:
    "Print both tables."
    import pandas as pd

    root = Path(folder).resolve()
    rows = [notebook(path, root) for path in pages.notebooks(root) if pages.cells(path)]
    print(pd.DataFrame(rows).to_string(index=False))
    print(f"\n{package(root)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
