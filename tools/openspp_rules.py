"""OpenSPP's own rules for Python that pylint-odoo does not have: of its semgrep file and its linters.

An accepted finding says `# nosemgrep` on its line, with the reason beside it or above it.
"""

import ast
import re

ACCEPTED = "nosemgrep"
# Models whose sudo() OpenSPP calls an error: people, rights, money.
SENSITIVE = {"res.users", "res.groups", "res.partner", "ir.rule", "ir.model.access", "account.move", "account.payment"}
SECRETS = re.compile(r"(?:admin_passwd|password|passwd|pwd|api_?key|secret(?:_key)?|token)$")
# OpenSPP's rule asks for a comparison in constant time of whatever is called like this.
COMPARED = re.compile(r"(?:token|hash|secret|password)$", re.IGNORECASE)
BANNED = {"eval", "exec", "safe_eval"}
# States that OpenSPP reserves for actions with an approval; the gateway's own models have states by these names.
APPROVALS = {"approved", "paid", "validated"}


def check(file, source):
    """Yield (line, words) of all rules."""
    lines = source.splitlines()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for words in _of_node(node, lines):
            if not _is_accepted(lines, node):
                yield node.lineno, words
    yield from _commits_in_loops(tree, lines)
    if lines and lines[0] != "# Part of OpenSPP. See LICENSE file for full copyright and licensing details.":
        yield 1, "the first line is not OpenSPP's"


def _of_node(node, lines):
    if isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Tuple) and lines[node.lineno - 1][node.col_offset] == "(":
        yield from _of_tuple(node)
    elif isinstance(node, ast.Assign):
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str) and node.value.value:
            for name in filter(SECRETS.match, names):
                yield f"a secret stands in the source: {name}"
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
        for side in (node.left, *node.comparators):
            name = _last_name(side)
            if name and COMPARED.search(name):
                yield f"{name} is compared by ==; use hmac.compare_digest, or call it digest or atom if it is no secret"


def _of_call(node):
    name = _last_name(node.func)
    if isinstance(node.func, ast.Name) and name in BANNED:
        yield f"{name}() runs what it is given"
    if name in ("load", "loads") and _owner(node.func) in ("pickle", "cPickle"):
        yield "pickle runs what it reads"
    if name == "sudo" and isinstance(node.func, ast.Attribute) and not node.args:
        yield from _of_sudo(node.func.value)
    if name == "execute" and node.args and isinstance(node.args[0], ast.JoinedStr):
        yield "a statement is put together from text; use SQL()"
    # An override hands on what it was given.
    offsets = [keyword.value for keyword in node.keywords if keyword.arg == "offset"]
    if name == "search" and any(_last_name(offset) != "offset" for offset in offsets):
        yield "search(offset=…) reads all that it leaves out; go on by id"
    if name == "write" and node.args and isinstance(node.args[0], ast.Dict):
        for key, value in zip(node.args[0].keys, node.args[0].values, strict=True):
            if getattr(key, "value", None) == "state" and getattr(value, "value", None) in APPROVALS:
                yield f"the state {value.value} is for an action that approves"
    if any(keyword.arg == "shell" and getattr(keyword.value, "value", False) for keyword in node.keywords):
        yield "shell=True runs what it is given"
    if name in ("fromstring", "parse") and _owner(node.func) == "etree":
        if not any(keyword.arg == "parser" for keyword in node.keywords) and len(node.args) < 2:
            yield "lxml reads entities from outside without a parser that forbids it"
    if name == "open" and node.args and isinstance(node.args[0], ast.Call):
        if _last_name(node.args[0].func) == "join" and _owner(node.args[0].func) == "path":
            yield "a path is put together from parts that may lead elsewhere"


def _of_sudo(owner):
    model = owner.slice.value if isinstance(owner, ast.Subscript) and isinstance(owner.slice, ast.Constant) else ""
    if model in SENSITIVE:
        yield f"sudo() on {model} sees past all rights"
    else:
        yield "sudo() without a reason"


def _of_tuple(node):
    """OpenSPP's linter takes each triple that begins with 0 to 6 for a Command, and rewrites it."""
    if len(node.elts) != 3 or type(getattr(node.elts[0], "value", None)) is not int:
        return
    # (1, '=', 1) is part of a domain.
    if 0 <= node.elts[0].value <= 6 and getattr(node.elts[1], "value", None) not in ("=", "!="):
        yield "a triple that begins with a small number looks like a Command; use Command, a set or text"


def _commits_in_loops(tree, lines):
    for loop in ast.walk(tree):
        if not isinstance(loop, ast.For | ast.While):
            continue
        for node in ast.walk(loop):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("cr.commit"):
                if not _is_accepted(lines, node):
                    yield node.lineno, "cr.commit() in a loop; in a job use ir.cron._commit_progress()"


def _is_accepted(lines, node):
    """Return whether a finding is accepted on one of the lines of its statement."""
    last = min(getattr(node, "end_lineno", node.lineno), node.lineno + 6)
    return any(ACCEPTED in line for line in lines[node.lineno - 1 : last])


def _last_name(node):
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _owner(node):
    return _last_name(node.value) if isinstance(node, ast.Attribute) else ""
