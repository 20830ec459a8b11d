"""The reference: a page for each module of the package, read from its source without importing it."""

import ast
import io
import json
import re
import tokenize
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
        self.exported = (
            ast.literal_eval(self.nodes["__all__"].value) if "__all__" in self.nodes else []
        )

    def comment(self, node) -> str:
        "What is said beside the last line of `node`."
        return self.comments.get(node.end_lineno, "")


def definitions(body):
    "Every name that `body` defines at its top level, with the node that does."
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name, node
        if isinstance(node, ast.AnnAssign):
            yield node.target.id, node
        if isinstance(node, ast.Assign):
            for target in node.targets:
                for name in target.elts if isinstance(target, ast.Tuple) else [target]:
                    if isinstance(name, ast.Name):
                        yield name.id, node


def modules(root: Path) -> list[Module]:
    "The modules of the package, the package itself first."
    paths = [path for path in sorted((root / "s6erav3").rglob("*.py")) if path.name != "_modidx.py"]
    found = [
        Module(path, root)
        for path in paths
        if path.name != "__init__.py" or path.parent.name == "s6erav3"
    ]
    return sorted(found, key=lambda module: module.name.replace("__", "~"))


def option(module: Module, annotation) -> tuple:
    "The type in an annotation, and the help that the command gives with it, if any."
    for _ in range(ALIAS_DEPTH):
        if isinstance(annotation, ast.Name) and isinstance(
            module.nodes.get(annotation.id), ast.Assign
        ):
            annotation = module.nodes[annotation.id].value
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


def parameters(module: Module, function) -> tuple[str, list[tuple[str, str]]]:
    "The signature of a function, and what is said of each parameter and of the result."
    given = function.args
    owned = any(
        getattr(decorator, "id", "") in ("classmethod", "property")
        for decorator in function.decorator_list
    )
    names = [
        *given.posonlyargs,
        *given.args,
        *filter(None, [given.vararg]),
        *given.kwonlyargs,
        *filter(None, [given.kwarg]),
    ]
    said = []
    for name in names:
        name.annotation, text = option(module, name.annotation)
        text = text or (
            module.comment(name)
            if module.source.splitlines()[name.end_lineno - 1]
            .rstrip()
            .endswith(module.comment(name))
            else ""
        )
        alone = sum(other.end_lineno == name.end_lineno for other in names) == 1
        if text and alone:
            said.append((name.arg, text))
    if (owned or given.args and given.args[0].arg == "self") and given.args:
        given.args.pop(0)
    result = (
        f" -> {getattr(function.returns, 'value', None) if isinstance(function.returns, ast.Constant) else ast.unparse(function.returns)}"
        if function.returns
        else ""
    )
    return f"({ast.unparse(given)}){result}", said


def escaped(text: str) -> str:
    "A docstring as Markdown: what has a meaning there only by accident is taken literally."
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(
        part if i % 2 else re.sub(r"([*<$|_])", r"\\\1", part) for i, part in enumerate(parts)
    )


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


def function(module: Module, name: str, node, kind="function", depth=0, more="") -> str:
    "The entry of a function or method."
    signature, said = parameters(module, node)
    decorators = {getattr(decorator, "id", "") for decorator in node.decorator_list}
    options = [("classmethod", "")] if "classmethod" in decorators else []
    if "property" in decorators:
        kind, signature = "property", ""
    fields = "\n".join(f":param {parameter}: {escaped(text)}" for parameter, text in said)
    return directive(
        kind,
        name + signature,
        options,
        f"{escaped(ast.get_docstring(node) or '')}\n\n{fields}\n\n{more}",
        depth,
    )


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


def class_(module: Module, name: str, node, more="") -> str:
    "The entry of a class: its fields, with those of a base class that has no entry, and its public methods."
    bases = [
        module.nodes[base.id]
        for base in node.bases
        if getattr(base, "id", "").startswith("_") and base.id in module.nodes
    ]
    methods = {
        method: body
        for kind in (*bases, node)
        for method, body in definitions(kind.body)
        if isinstance(body, ast.FunctionDef)
    }
    made_by = methods.get("__init__")
    signature, said = parameters(module, made_by) if made_by else ("", [])
    public = [
        function(module, method, body, "method", 1)
        for method, body in methods.items()
        if not method.startswith("_") and ast.get_docstring(body)
    ]
    described = "\n".join(f":param {parameter}: {escaped(text)}" for parameter, text in said)
    parts = [
        escaped(ast.get_docstring(node) or ""),
        described,
        more,
        *(fields(module, kind) for kind in (*bases, node)),
        *public,
    ]
    return directive("class", name + signature, (), "\n\n".join(part for part in parts if part))


def value(module: Module, name: str, node, more="") -> str:
    "The entry of a constant."
    shown = ast.unparse(node.value)
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
        shown = ast.unparse(
            node.value.elts[[target.id for target in node.targets[0].elts].index(name)]
        )
    short = len(shown) <= LONGEST
    text = (
        ""
        if short or "Annotated" in shown
        else f"```python\n{ast.get_source_segment(module.source, node)}\n```"
    )
    said = (
        option(module, node.value)[1]
        or module.comment(node)
        or module.comments.get(node.lineno, "")
    )
    return directive(
        "data",
        name,
        [("value", json.dumps(shown))] if short else [],
        f"{escaped(said)}\n\n{text}\n\n{more}",
    )


def entry(module: Module, name: str, made: str) -> str:
    "The entry of one exported name; `made` links to where it is made."
    node, more = module.nodes[name], f"{{.made}}\n[{made[0]}]({made[1]})"
    if isinstance(node, ast.FunctionDef):
        return function(module, name, node, more=more)
    if isinstance(node, ast.ClassDef):
        return class_(module, name, node, more)
    return value(module, name, node, more)


def page(module: Module, made: dict) -> str:
    "The page of a module; `made` says, for each full name, the title of its notebook and its address from the site's root."
    head = f"---\nmyst:\n  enable_extensions: [colon_fence, fieldlist, attrs_block]\n---\n# {escaped(module.name)}\n\n{escaped(ast.get_docstring(module.tree) or '')}\n"
    where = [
        (f"In the notebook: {made[full][0]}", f"../{made[full][1]}")
        for full in (f"{module.name}.{name}" for name in module.exported)
    ]
    entries = [entry(module, name, link) for name, link in zip(module.exported, where)]
    return "\n".join([head, f"```{{py:module}} {module.name}\n```\n", *entries])


def overview(found: list[Module], homes: dict[str, str]) -> str:
    "The page that leads to all others: what can be imported from the package itself, and every name of every module."

    def link(module, name):
        return f"[`{name}`]({module.name}.html#{module.name}.{name})"

    package, *others = found
    lines = [
        "# Reference",
        "",
        "What the notebooks export into the package. These names can be imported from `s6erav3` itself:",
        "",
    ]
    lines += [
        f"- {link(next(m for m in others if m.name == homes[name]), name)}: {summary(next(m for m in others if m.name == homes[name]), name)}"
        for name in package.exported
    ]
    for module in others:
        lines += [
            "",
            f"## [{escaped(module.name)}]({module.name}.html)",
            "",
            escaped(ast.get_docstring(module.tree) or ""),
            "",
            ", ".join(link(module, name) for name in module.exported),
        ]
    toctree = "\n".join(module.name for module in others)
    return "\n".join(lines) + f"\n\n```{{toctree}}\n:hidden:\n{toctree}\n```\n"


def summary(module: Module, name: str) -> str:
    "The first line of what is said of a name."
    return escaped((ast.get_docstring(module.nodes[name]) or "").split("\n")[0])
