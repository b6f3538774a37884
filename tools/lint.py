"""`./dev lint`: ruff, Odoo's and OpenSPP's rules, and the rules of this repository."""

import ast
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

from tools import audit, checkout, compliance, environment, openspp_rules, process

# All of pylint-odoo, and what OCA's template takes from pylint itself, less what does not fit this addon.
PYLINT = (
    "odoolint",
    "anomalous-backslash-in-string",
    "assignment-from-none",
    "dangerous-default-value",
    "duplicate-key",
    "exec-used",
    "eval-used",
    "missing-timeout",
    "pointless-statement",
    "redundant-keyword-arg",
    "reimported",
    "return-in-init",
    "unreachable",
)
NOT_HERE = (
    "category-allowed",  # the category is OpenSPP's
    "category-allowed-app",
    "consider-merging-classes-inherited",  # one model a file is the rule here
    "manifest-required-key-app",
    "manifest-superfluous-key",  # OpenSPP always spells out `installable` and `auto_install`
    "missing-odoo-file",
    "missing-odoo-file-app",
)
# pylint-odoo takes every class for a model; these rules speak of models (and of commits outside tests) only.
MODELS_ONLY = ("method-required-super", "missing-return", "invalid-commit", "pointless-statement")
NO_MODELS = ("engine/", "tests/")
PYLINT_OPTIONS = (
    "--manifest-required-authors=OpenSPP.org",
    "--manifest-required-keys=license,summary,author,website,category,development_status,maintainers",
    "--license-allowed=LGPL-3",
    "--valid-odoo-versions=19.0",
)

# OpenSPP's rule: what identifies a person never enters a log. Ids do.
PERSONAL = (
    "name|display_name|given_name|family_name|national_id|phone|mobile|email|email_from|email_to|address|street|birthdate"
    "|subject|login|user|password|smtp_user|smtp_host|server"
)
LOGGED = re.compile(rf"_logger\.(?:debug|info|warning|error|critical|exception)\([^)]*\.(?:{PERSONAL})\b(?!\()")

# Why something is done as the system: "# sudo: …", or words behind nosemgrep that are not the name of a rule.
REASON = re.compile(r"#.*\bsudo\b[^:\n]*: \S|#\s*nosemgrep: (?!odoo-)\S")
NO_ADDON = ("tests", "tools", "bench")

# A committed file works on any machine: it names no registry or mirror (whoever runs it has chosen theirs) and no path
# of the machine on which it was written. In pieces, so that this file passes.
HOSTS = re.compile(
    "|".join(
        rf"\b{name}\.{ending}\b"
        for name, ending in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            (r"deb\.debian", "org"),
            (r"ftp\.[a-z.]*debian", "org"),
            (r"snapshot\.debian", "org"),
            ("npmjs", "org"),
            ("npmjs", "com"),
            (r"proxy\.golang", "org"),
            (r"crates", "io"),
        )
    )
)
PATHS = re.compile(r"(?<![\w.<>*/}-])/(?:" + "|".join(("wo" + "rk", "ro" + "ot")) + r")(?:/|\b)(?!>)")

# OpenSPP's naming of XML ids, by the model of the record.
IDS = {
    "ir.ui.view": r"view_|inherit_|.*_filter|.*_(form|list|kanban|search|graph|pivot|calendar|activity)$",
    "ir.actions.act_window": r"action_|.*_action$",
    "ir.ui.menu": r"menu_",
    "res.groups": r"group_",
    "res.groups.privilege": r"privilege_",
    "ir.rule": r"rule_",
}


class Skipped(list):
    """Findings of a rule that could not look at everything, and why."""

    def __init__(self, findings, why):
        super().__init__(findings)
        self.why = why


def check():
    """Run every rule; print the findings and return 1 if there are any."""
    files = [path for path in committed() if path.is_file()]
    rules = {
        "ruff": lambda: _ruff(),
        "pylint-odoo": lambda: _pylint(files),
        "engine imports": lambda: _each(files, engine_imports, ".py", under="engine"),
        "personal data in logs": lambda: _each(files, personal_data, ".py"),
        "reasons for sudo()": lambda: _each(files, sudo_reasons, ".py"),
        "hosts and paths": lambda: _each(files, hosts_and_paths, ""),
        "XML": lambda: _each(files, xml, ".xml"),
        "locked requirements": lambda: list(unlocked()),
        "OpenSPP's rules": lambda: _each(files, openspp, ".py"),
        "manifest": lambda: list(manifest()),
        "compliance.yaml": lambda: list(compliance.findings()),
        "bandit": lambda: audit.bandit(),
        "pip-audit": lambda: _pip_audit(),
    }
    total = 0
    for name, rule in rules.items():
        findings = rule()
        total += len(findings)
        clean = f"SKIPPED: {findings.why}" if isinstance(findings, Skipped) else "ok"
        print(f"{name}: {clean if not findings else f'{len(findings)} findings'}", flush=True)
        for finding in findings:
            print(f"  {finding}")
    print("lint: ok" if not total else f"lint: {total} findings", flush=True)
    return 1 if total else 0


def committed():
    """Return the files that are or would be committed."""
    words = process.run(
        ["git", "-c", f"safe.directory={checkout.ROOT}", "ls-files", "-co", "--exclude-standard", "-z"],
        "list the files of the repository",
        cwd=checkout.ROOT,
    ).stdout
    return [checkout.ROOT / name for name in words.split("\0") if name]


def engine_imports(file, text):
    """The engine knows nothing of Odoo, and imports nothing of this addon outside itself."""
    depth = len(file.relative_to(checkout.ROOT / "engine").parts)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level > depth:
                yield node.lineno, "leaves engine/ by a relative import"
            names = [node.module or ""] if not node.level else []
        else:
            continue
        for name in names:
            if name.partition(".")[0] in ("odoo", "models", "tools", checkout.ADDON):
                yield node.lineno, f"imports {name}"


def personal_data(file, text):
    if "tests" in file.parts:
        return
    for number, line in enumerate(text.splitlines(), 1):
        if LOGGED.search(line):
            yield number, f"logs what identifies somebody; log ids: {line.strip()}"


def sudo_reasons(file, text):
    """Every sudo() of the addon says why, in its statement or in the comment above it."""
    if file.relative_to(checkout.ROOT).parts[0] in NO_ADDON:
        return
    lines = text.splitlines()
    for statement in ast.walk(ast.parse(text)):
        if not isinstance(statement, ast.stmt):
            continue
        # Of a block only what stands before its first line: the statements in it are asked themselves.
        body = getattr(statement, "body", None)
        end = body[0].lineno - 1 if body else statement.end_lineno
        end = max(end, statement.lineno)
        calls = [node for node in ast.walk(statement) if _is_sudo(node) and node.end_lineno <= end]
        if not calls:
            continue
        start = statement.lineno - 1
        while start and lines[start - 1].lstrip().startswith("#"):
            start -= 1
        if not REASON.search("\n".join(lines[start:end])):
            yield calls[0].end_lineno, "sudo() without its reason; write “# sudo: …” above it"


def _is_sudo(node):
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "sudo"):
        return False
    # sudo(False) gives rights back.
    return not (node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value is False)


def openspp(file, text):
    """OpenSPP's rules for what runs in production; tests make secrets up and look past rights on purpose."""
    relative = file.relative_to(checkout.ROOT)
    if relative.parts[0] in ("models", "engine", "wizards", "controllers", "cli") or len(relative.parts) == 1:
        if file.name != "__manifest__.py":
            yield from openspp_rules.check(file, text)


# The order in which OpenSPP loads: who may do what, data, what is seen; menus last.
LOADED = ("security/privileges.xml", "security/groups.xml", "security/ir.model.access.csv", "security/rules.xml")


def manifest():
    """Yield what the manifest says otherwise than OpenSPP, and than the history."""
    known = ast.literal_eval((checkout.ROOT / "__manifest__.py").read_text())
    data = known["data"]
    if tuple(data[: len(LOADED)]) != LOADED:
        yield f"__manifest__.py: data begins with {', '.join(LOADED)}"
    if data[-1] != "views/menus.xml":
        yield "__manifest__.py: views/menus.xml is the last of data"
    if [name.startswith("views/") for name in data] != sorted(name.startswith("views/") for name in data):
        yield "__manifest__.py: views come after all other data"
    for name in data:
        if not (checkout.ROOT / name).exists():
            yield f"__manifest__.py: {name} does not exist"
    newest = re.search(r"^### (\S+)", (checkout.ROOT / "readme" / "HISTORY.md").read_text(), re.MULTILINE)
    if not newest or newest[1] != known["version"]:
        yield f"readme/HISTORY.md: its newest entry is not of the manifest's version, {known['version']}"


def _pip_audit():
    """Return the findings, or why it could not look: no answer is no clean one."""
    found, why = audit.pip_audit()
    return Skipped(found, why) if why else found


def hosts_and_paths(file, text):
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in (("a registry's or mirror's host", HOSTS), ("a path of one machine", PATHS)):
            if found := pattern.search(line):
                yield number, f"names {what}: {found[0]}"


def xml(file, text):
    """Well-formed, and what OpenSPP's linters refuse in views."""
    try:
        tree = ElementTree.fromstring(text.encode())  # nosec B314 - files of this repository
    except ElementTree.ParseError as error:
        yield error.position[0], f"not well-formed: {error}"
        return
    if "data" in file.parts or "tests" in file.parts:
        return
    for form in tree.iter("form"):
        in_header = {id(node) for header in form.iter("header") for node in header.iter()}
        for node in form.iter("field"):
            if node.get("widget") == "statusbar" and id(node) not in in_header:
                yield _line(text, 'widget="statusbar"'), "a statusbar belongs into the header"
    for record in tree.iter("record"):
        model, name = record.get("model"), record.get("id", "")
        if "." not in name and model in IDS and not re.match(IDS[model], name):
            yield _line(text, f'id="{name}"'), f"the id {name} of a {model} does not follow the naming rules"
    for search in tree.iter("search"):
        for group in search.iter("group"):
            if group.get("string") or group.get("expand"):
                yield _line(text, "<group"), "a group in a search view has no string and no expand"
    for node in tree.iter():
        if node.tag == "tree":
            yield _line(text, "<tree"), "<tree> is called <list>"
        if "@class" in node.get("expr", ""):
            yield _line(text, "@class"), "an XPath asks for @class; use hasclass()"
        if node.get("attrs") or node.get("states"):
            yield _line(text, "attrs="), "attrs and states are gone; use invisible= and the like"


def unlocked():
    """Yield what requirements.txt asks for and the lock file does not hold."""
    locked = {_normal(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", environment.LOCK.read_text(), re.MULTILINE)}
    for source in environment.INPUTS:
        for line in source.read_text().splitlines() if source.exists() else ():
            name = re.match(r"[A-Za-z0-9._-]+", line)
            if name and _normal(name[0]) not in locked:
                yield f"{source.name}: {name[0]} is not in {environment.LOCK.name}; run ./dev lock"


def _normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def _each(files, rule, ending, under=None):
    """Apply a rule to every text file of an ending; return the findings as lines."""
    findings = []
    for file in files:
        relative = file.relative_to(checkout.ROOT)
        if not file.name.endswith(ending) or (under and relative.parts[0] != under):
            continue
        try:
            text = file.read_text()
        except UnicodeDecodeError:
            continue
        findings += [f"{relative}:{line}: {what}" for line, what in rule(file, text)]
    return findings


def _line(text, needle):
    return text[: max(text.find(needle), 0)].count("\n") + 1


def _ruff():
    ruff = Path(environment.python()).with_name("ruff")
    words = process.run(
        [ruff, "check", "--quiet", "--output-format=concise", "."], "run ruff", cwd=checkout.ROOT, check=False
    )
    return (words.stdout + words.stderr).splitlines()


def _pylint(files):
    """Run pylint-odoo on a copy under the addon's own name, in which nothing but the addon's files lies."""
    copy = checkout.DEV / "lint" / checkout.ADDON
    shutil.rmtree(copy, ignore_errors=True)
    for file in files:
        relative = file.relative_to(checkout.ROOT)
        if relative.parts[0] not in ("tools", "bench", "dev", ".ci"):
            (copy / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, copy / relative)
    pylint = Path(environment.python()).with_name("pylint")
    command = [pylint, "--rcfile=", "--load-plugins=pylint_odoo", "--disable=all", f"--enable={','.join(PYLINT)}"]
    command += [f"--disable={','.join(NOT_HERE)}", "--score=n", "--jobs=2", *PYLINT_OPTIONS]
    command += ["--msg-template={path}:{line}: {symbol}: {msg}", checkout.ADDON]
    words = process.run(command, "run pylint-odoo", cwd=copy.parent, check=False, timeout=600)
    lines = [line for line in words.stdout.splitlines() if line.strip() and not line.startswith("*****")]
    if words.returncode >= 32:  # pylint's own failure
        lines += words.stderr.splitlines()[-5:]
    findings = [line.removeprefix(f"{checkout.ADDON}/") for line in lines]
    return [
        line
        for line in findings
        if not (line.startswith(NO_MODELS) and any(f": {rule}:" in line for rule in MODELS_ONLY))
    ]
