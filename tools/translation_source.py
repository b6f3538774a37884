"""The engine's words for people: Odoo's own export looks for `_("…")`, which the engine knows nothing of."""

import ast
import re

from tools import checkout

ENGINE = checkout.ROOT / "engine"
# What stands in these is compared with mail, with answers of servers or with the log, and shown to nobody.
NOT_SHOWN = {
    "bounce_phrases.py",
    "forwarded_text.py",
    "log_filter.py",
    "log_words.py",
    "loop_signs.py",
    "transcript_mask.py",
    "transcript_secret.py",
}
PATTERN = re.compile(r"\\[bwdsS]|\(\?|\[\^|\.\*")
COMPARING = {"compile", "match", "search", "fullmatch", "findall", "sub", "split", "startswith", "endswith", "encode"}
WORDS = re.compile(r"[A-Za-z]{2,}")
SENTENCE = re.compile(r"^[A-Z“(%].*[a-z]{2}.* |^[a-z].* .*[a-z]{3}", re.DOTALL)


def terms():
    """Return {text: sorted file names}. A part that is put in is written as Odoo does: "%(host)s did not answer"."""
    found = {}
    for file in sorted(ENGINE.glob("*.py")):
        if file.name in NOT_SHOWN:
            continue
        for text in texts(ast.parse(file.read_text())):
            found.setdefault(text, set()).add(file.name)
    return {text: sorted(names) for text, names in found.items()}


def texts(tree):
    """Yield the texts of a module that are words for people."""
    silent = set()
    tables = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            silent.add(node.body[0].value)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in COMPARING:
            silent.update(part for argument in node.args for part in ast.walk(argument))
        elif isinstance(node, ast.Compare):
            silent.update(part for part in ast.walk(node))
        elif isinstance(node, ast.JoinedStr):
            silent.update(part for part in ast.walk(node) if part is not node and not isinstance(part, ast.JoinedStr))
        elif isinstance(node, ast.Assign | ast.AnnAssign) and _is_table(node):
            tables.update(node.value.values)
    for node in ast.walk(tree):
        if node in silent:
            continue
        text = _text(node)
        if text and (node in tables or _is_for_people(text)):
            yield text


def _is_table(node):
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    name = getattr(targets[0], "id", "")
    return isinstance(node.value, ast.Dict) and name.endswith(("_WORDS", "_NAMES", "_LABELS"))


def _text(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        names = []
        return "".join(
            part.value.replace("%", "%%") if isinstance(part, ast.Constant) else _place(part, names)
            for part in node.values
        )
    return ""


def _place(part, names):
    words = re.findall(r"[A-Za-z_]+", ast.unparse(part.value)) or ["value"]
    stem = next((word for word in reversed(words) if word not in ("str", "int", "len", "value", "self")), words[-1])
    name = stem.strip("_").lower() or "value"
    while name in names:
        name += "_"
    names.append(name)
    return f"%({name})s"


def _is_for_people(text):
    literal = re.sub(r"%\(\w+\)s", " ", text)
    if PATTERN.search(text):
        return False
    return bool(SENTENCE.match(text)) and len(WORDS.findall(literal)) >= 2
