"""The reference: a page for each module of the package, read from its source, not imported."""

import ast
import io
import json
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ALIAS_DEPTH = 3  # how often a name may stand for another name
LONGEST = 110  # characters of a value that is shown


class Module:
    "A module of the package: its text, its syntax tree and its comments by line."

    def __init__(self, path: Path, root: Path):
        self.path, self.source = path, path.read_text(encoding="utf-8")
        self.name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        self.tree = ast.parse(self.source)
        tokens = tokenize.generate_tokens(io.StringIO(self.source).readline)
        self.comments = {
            token.start[0]: token.string.lstrip("# ")
            for token in tokens
            if token.type == tokenize.COMMENT
        }
        self.nodes = dict(definitions(self.tree.body))
        listed = self.nodes.get("__all__")
        self.exported = ast.literal_eval(listed.value) if listed else []
        self.made = [name for name in self.exported if name in self.nodes]

    def passed_on(self) -> dict[str, str]:
        "The names that it exports and another module makes, with the full name of that module."
        parts = self.name.split(".")
        return {
            alias.name: ".".join([*parts[: len(parts) - node.level], node.module])
            for node in self.tree.body
            if isinstance(node, ast.ImportFrom) and node.level
            for alias in node.names
            if alias.name in self.exported
        }

    def comment(self, node) -> str:
        "What is said beside the last line of `node`."
        return self.comments.get(node.end_lineno, "")


def names_of(target) -> list[str]:
    "The names that an assignment gives to its target."
    parts = target.elts if isinstance(target, ast.Tuple) else [target]
    return [part.id for part in parts if isinstance(part, ast.Name)]


def definitions(body) -> Iterator[tuple[str, ast.stmt]]:
    "Every name that `body` defines at its top level, with the node that does."
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name, node
        if isinstance(node, ast.AnnAssign):
            yield node.target.id, node
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from ((name, node) for name in names_of(target))


def modules(root: Path) -> list[Module]:
    "The modules of the package, the package itself first."
    found = [
        Module(path, root)
        for path in sorted((root / "s6erav3").rglob("*.py"))
        if path.name not in ("__init__.py", "_modidx.py")
    ]
    package = Module(root / "s6erav3" / "__init__.py", root)
    return [package, *sorted(found, key=lambda module: module.name.replace("__", "~"))]


def followed(module: Module, annotation):
    "What an annotation means where it is a name for another one."
    for _ in range(ALIAS_DEPTH):
        meant = module.nodes.get(getattr(annotation, "id", ""))
        annotation = meant.value if isinstance(meant, ast.Assign) else annotation
    return annotation


def option(module: Module, annotation) -> tuple:
    "The type in an annotation, and the help that the command gives with it, if any."
    annotation = followed(module, annotation)
    if not (isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Annotated"):
        return annotation, ""
    kind, *said = annotation.slice.elts
    texts = [
        keyword.value.value
        for call in said
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "help"
    ]
    return option(module, kind)[0], "".join(texts)


def all_parameters(given: ast.arguments) -> list[ast.arg]:
    "Every parameter of a function."
    packed = [one for one in (given.vararg, given.kwarg) if one]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *packed]


def has_decorator(function, *names: str) -> bool:
    "Whether a function has a decorator of one of some names."
    return bool({getattr(one, "id", "") for one in function.decorator_list} & {*names})


def result(function) -> str:
    "What a function returns, as its signature says it."
    if function.returns is None:
        return ""
    is_text = isinstance(function.returns, ast.Constant)
    return f" -> {function.returns.value if is_text else ast.unparse(function.returns)}"


def parameters(module: Module, function) -> tuple[str, list[tuple[str, str]]]:
    "The signature of a function, and what is said of each parameter."
    given = function.args
    lines = Counter(one.end_lineno for one in all_parameters(given))
    said = []
    for one in all_parameters(given):
        one.annotation, text = option(module, one.annotation)
        text = text or module.comment(one)
        if text and lines[one.end_lineno] == 1:
            said.append((one.arg, text))
    first = given.args[0].arg if given.args else ""
    if first == "self" or (first and has_decorator(function, "classmethod", "property")):
        given.args.pop(0)
    return f"({ast.unparse(given)}){result(function)}", said


def escaped(text: str) -> str:
    "A docstring as Markdown: what has a meaning there only by accident is taken literally."
    parts = re.split(r"(`[^`]+`)", text)
    parts[::2] = [re.sub(r"([*<$|_])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def docstring(node) -> str:
    "The docstring of a definition or module, as Markdown."
    return escaped(ast.get_docstring(node) or "")


def param_fields(said: list[tuple[str, str]]) -> str:
    "What is said of parameters, as fields."
    return "\n".join(f":param {name}: {escaped(text)}" for name, text in said)


def directive(kind: str, signature: str, options=(), body="", depth=0) -> str:
    "A directive of MyST, which may hold others."
    fence = ":" * (6 - depth)
    lines = [
        f"{fence}{{py:{kind}}} {signature}",
        *(f":{name}: {value}".rstrip() for name, value in options),
        "",
        body.strip(),
        fence,
    ]
    return "\n".join(lines) + "\n"


def function(module: Module, name: str, node, more: str = "") -> str:
    "The entry of a function."
    signature, said = parameters(module, node)
    body = f"{docstring(node)}\n\n{param_fields(said)}\n\n{more}"
    return directive("function", name + signature, (), body)


def method(module: Module, name: str, node) -> str:
    "The entry of a method or property."
    signature, said = parameters(module, node)
    options = [("classmethod", "")] if has_decorator(node, "classmethod") else []
    body = f"{docstring(node)}\n\n{param_fields(said)}"
    if has_decorator(node, "property"):
        return directive("property", name, options, body, depth=1)
    return directive("method", name + signature, options, body, depth=1)


def fields(module: Module, node) -> str:
    "The entries of a class's fields."
    entries = []
    for name, field in definitions(node.body):
        if not isinstance(field, ast.AnnAssign) or name.startswith("_"):
            continue
        options = [("type", json.dumps(ast.unparse(field.annotation)))]
        if field.value:
            options.append(("value", json.dumps(ast.unparse(field.value))))
        entries.append(directive("attribute", name, options, escaped(module.comment(field)), 1))
    return "\n".join(entries)


def private_bases(module: Module, node) -> list[ast.ClassDef]:
    "The base classes of a class that have no entry of their own, and their bases, those first."
    names = [getattr(base, "id", "") for base in node.bases]
    family = []
    for name in names:
        if name.startswith("_") and name in module.nodes:
            base = module.nodes[name]
            family += [*private_bases(module, base), base]
    return family


def class_(module: Module, name: str, node, more: str = "") -> str:
    "The entry of a class: its fields and public methods, with those of bases without an entry."
    family = [*private_bases(module, node), node]
    methods = {
        name: body
        for kind in family
        for name, body in definitions(kind.body)
        if isinstance(body, ast.FunctionDef)
    }
    made_by = methods.get("__init__")
    signature, said = parameters(module, made_by) if made_by else ("", [])
    public = [
        method(module, name, body)
        for name, body in methods.items()
        if not name.startswith("_") and ast.get_docstring(body)
    ]
    all_fields = [fields(module, kind) for kind in family]
    parts = [docstring(node), param_fields(said), more, *all_fields, *public]
    return directive("class", name + signature, (), "\n\n".join(filter(None, parts)))


def shown_value(name: str, node) -> str:
    "The value of a constant as it is written."
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
        names = [target.id for target in node.targets[0].elts]
        return ast.unparse(node.value.elts[names.index(name)])
    return ast.unparse(node.value)


def value(module: Module, name: str, node, more: str = "") -> str:
    "The entry of a constant."
    shown = shown_value(name, node)
    options = [("value", json.dumps(shown))] if len(shown) <= LONGEST else []
    text = ""
    if not options and "Annotated" not in shown:
        text = f"```python\n{ast.get_source_segment(module.source, node)}\n```"
    said = [option(module, node.value)[1], module.comment(node), module.comments.get(node.lineno)]
    first = next(filter(None, said), "")
    return directive("data", name, options, f"{escaped(first)}\n\n{text}\n\n{more}")


def entry(module: Module, name: str, made: tuple[str, str]) -> str:
    "The entry of one exported name; `made` is the title and the address of the page that makes it."
    node, more = module.nodes[name], f"{{.made}}\n[In the notebook: {made[0]}](../{made[1]})"
    if isinstance(node, ast.FunctionDef):
        return function(module, name, node, more)
    if isinstance(node, ast.ClassDef):
        return class_(module, name, node, more)
    return value(module, name, node, more)


def page(module: Module, made: dict[str, tuple[str, str]]) -> str:
    "The page of a module; `made` has title and address of the page that makes each full name."
    head = [
        "---",
        "myst:",
        "  enable_extensions: [colon_fence, fieldlist, attrs_block]",
        "---",
        f"# {escaped(module.name)}",
        "",
        docstring(module.tree),
        "",
        f"```{{py:module}} {module.name}\n```",
        "",
    ]
    for name, home in module.passed_on().items():
        head += [f"{link(home, name)} can be imported from here, too.", ""]
    entries = [entry(module, name, made[f"{module.name}.{name}"]) for name in module.made]
    return "\n".join([*head, *entries])


def link(module: str, name: str) -> str:
    "A link to an entry from another page of the reference."
    return f"[`{name}`]({module}.html#{module}.{name})"


def overview(found: list[Module], homes: dict[str, str]) -> str:
    "The page that leads to all others: the names of the package itself, and of all modules."
    package, *others = found
    by_name = {module.name: module for module in others}
    lines = ["# Reference", "", "What the notebooks export into the package."]
    lines += ["These names can be imported from `s6erav3` itself:", ""]
    for name in package.exported:
        home = by_name[homes[name]]
        lines.append(f"- {link(home.name, name)}: {summary(home, name)}")
    for module in others:
        lines += ["", f"## [{escaped(module.name)}]({module.name}.html)", ""]
        lines += [docstring(module.tree), ""]
        lines.append(", ".join(link(module.name, name) for name in module.made))
    lines += ["", "```{toctree}", ":hidden:", *by_name, "```"]
    return "\n".join(lines) + "\n"


def summary(module: Module, name: str) -> str:
    "The first line of what is said of a name."
    return docstring(module.nodes[name]).split("\n")[0]
