"""security/compliance.yaml: what OpenSPP's checker compares with groups, access rows, rules and menus.

`./dev compliance` writes it from the files that hold them, so that every change of a right shows in the diff of one
file that a person reads; `./dev lint` refuses a file that says something else than they do.
"""

import csv
import json
import re
from xml.etree import ElementTree

from tools import checkout, environment, process

FILE = checkout.ROOT / "security" / "compliance.yaml"
TIERS = ("viewer", "officer", "manager")
RIGHTS = ("read", "write", "create", "unlink")
HEAD = f"""# OpenSPP Access Management Compliance Specification
# Module: {checkout.ADDON}
#
# Written by `./dev compliance` from security/*.xml, ir.model.access.csv and views/menus.xml; checked by `./dev lint`.
# OpenSPP's own checker reads it too: python -m scripts.compliance.checker {checkout.ADDON}
"""
MODEL = re.compile(r"^class \w+\(models\.(Model|TransientModel)\):\n(.*?)(?=^class |\Z)", re.MULTILINE | re.DOTALL)
# Words for what a rule lets through, by its domain; others are `custom`.
PATTERNS = (
    ("company_records", re.compile(r"company_ids")),
    ("own_created", re.compile(r"\('create_uid', '=', user\.id\)")),
    ("all_records", re.compile(r"^\[\(1, '=', 1\)\]$")),
)


def write():
    """Write the file; return 0, as a command does."""
    FILE.write_text(text())
    print(f"{FILE.relative_to(checkout.ROOT)} is written: read its diff, it says who may do what.")
    return 0


def findings():
    """Yield what is wrong with the file, as lines."""
    if not FILE.exists():
        yield "security/compliance.yaml is missing; run ./dev compliance"
        return
    code = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)"
    read = process.run([environment.ensure_audit(), "-c", code], "read YAML", input=FILE.read_text(), check=False)
    if read.returncode:
        yield f"security/compliance.yaml does not parse: {read.stderr.strip().splitlines()[-1]}"
        return
    yield from differences(json.loads(read.stdout), specification())
    yield from _without_access()


def differences(declared, actual):
    """Yield where a declared specification is not the actual one."""
    for name, value in actual.items():
        if not isinstance(value, list):
            if declared.get(name) != value:
                yield f"security/compliance.yaml: {name} is {declared.get(name)!r}, not {value!r}; run ./dev compliance"
            continue
        key = "model" if name == "model_access" else "id"
        theirs = {one.get(key): one for one in declared.get(name) or []}
        ours = {one[key]: one for one in value}
        for one in sorted(ours.keys() | theirs.keys(), key=str):
            if ours.get(one) != theirs.get(one):
                what = "is not in it" if one not in theirs else "does not exist" if one not in ours else "is another"
                yield f"security/compliance.yaml: {name} {one} {what}; run ./dev compliance and read the diff"


def _without_access():
    """Yield the models that nobody has a right on: nobody can use them, or somebody forgot it."""
    rows = {row["model_id:id"].rpartition(".")[2] for row in _access_rows()}
    for file in sorted([*(checkout.ROOT / "models").glob("*.py"), *(checkout.ROOT / "wizards").glob("*.py")]):
        source = file.read_text()
        for found in MODEL.finditer(source):
            name = re.search(r'^    _name = "([\w.]+)"', found[2], re.MULTILINE)
            # Odoo's own have their rows in Odoo.
            if name and name[1].startswith("spp.") and f"model_{name[1].replace('.', '_')}" not in rows:
                yield f"{file.relative_to(checkout.ROOT)}: {name[1]} has no row in ir.model.access.csv"


def specification():
    """Return what the addon's files say, in the shape of OpenSPP's schema."""
    return {
        "module": checkout.ADDON,
        "domain": "email_gateway",
        "version": "1.0",
        "groups": list(_groups()),
        # base.group_system implies the manager; the addon does not depend on spp_security.
        "admin_link_group": None,
        "model_access": list(_model_access()),
        "record_rules": list(_rules()),
        "menus": list(_menus()),
        "field_restrictions": [],
        "actions": [],
        "privileges": list(_privileges()),
    }


def text():
    """Return the file's content."""
    lines = [HEAD]
    for name, value in specification().items():
        if not isinstance(value, list) or not value:
            lines.append(f"{name}: {_scalar(value)}")
            continue
        lines.append(f"\n{name}:")
        for one in value:
            for number, (key, each) in enumerate(one.items()):
                lines.append(f"  {'-' if number == 0 else ' '} {key}: {_scalar(each)}")
    return "\n".join(lines) + "\n"


def _scalar(value):
    """Return a value in flow style: JSON is YAML, but for names that need no quotes."""
    if isinstance(value, list):
        return f"[{', '.join(_scalar(one) for one in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_scalar(one)}' for key, one in value.items())}}}"
    if isinstance(value, str) and re.fullmatch(r"[a-z_][\w.]*[a-z_]", value) and value not in ("true", "false", "null"):
        return value
    return json.dumps(value, ensure_ascii=False)


def _records(model):
    for file in sorted((checkout.ROOT / "security").glob("*.xml")):
        # Files of this repository.
        for record in ElementTree.parse(file).getroot().iter("record"):  # nosec B314
            if record.get("model") == model:
                yield record.get("id"), {field.get("name"): field for field in record.findall("field")}


def _groups():
    for name, fields in _records("res.groups"):
        if "." in name:
            continue
        yield {
            "id": name,
            "tier": 2,
            "privilege_id": fields["privilege_id"].get("ref") if "privilege_id" in fields else None,
            "implied_ids": re.findall(r"ref\('([\w.]+)'\)", fields["implied_ids"].get("eval", ""))
            if "implied_ids" in fields
            else [],
            "comment": _words(fields.get("comment")),
        }


def _privileges():
    for name, fields in _records("res.groups.privilege"):
        yield {"id": name, "name": _words(fields.get("name")), "comment": _words(fields.get("description"))}


def _access_rows():
    with (checkout.ROOT / "security" / "ir.model.access.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _model_access():
    found = {}
    for row in _access_rows():
        model = row["name"].split()[0]
        group = row["group_id:id"]
        tier = next((tier for tier in TIERS if group == f"group_email_gateway_{tier}"), None)
        rights = [right for right in RIGHTS if row[f"perm_{right}"] == "1"]
        access = found.setdefault(model, {"model": model, **{tier: [] for tier in TIERS}, "custom": {}})
        if tier:
            access[tier] = rights
        else:
            access["custom"][group.rpartition("group_")[2] or "everybody"] = rights
    yield from (found[model] for model in sorted(found))


def _rules():
    for name, fields in _records("ir.rule"):
        domain = " ".join((fields["domain_force"].text or "").split())
        groups = re.findall(r"ref\('([\w.]+)'\)", fields["groups"].get("eval", "")) if "groups" in fields else []
        yield {
            "id": name,
            "model": _model_of(fields["model_id"].get("ref")),
            "groups": groups,
            "domain_description": _words(fields.get("name")),
            **{f"perm_{right}": _is_on(fields.get(f"perm_{right}")) for right in RIGHTS},
            "is_global": not groups,
            "domain_pattern": next((name for name, pattern in PATTERNS if pattern.search(domain)), "custom"),
            "domain": domain,
        }


def _menus():
    tree = ElementTree.parse(checkout.ROOT / "views" / "menus.xml")  # nosec B314
    for item in tree.getroot().iter("menuitem"):
        groups = [group.strip() for group in item.get("groups", "").split(",") if group.strip()]
        yield {"id": item.get("id"), "name": item.get("name"), "parent": item.get("parent"), "groups": groups}


def _model_of(reference):
    """Return the model of an XML id such as model_spp_email_inbound, as the access rows or Odoo's names spell it."""
    wanted = reference.rpartition(".")[2]
    names = {f"model_{row['name'].split()[0].replace('.', '_')}": row["name"].split()[0] for row in _access_rows()}
    return names.get(wanted) or wanted.removeprefix("model_").replace("_", ".")


def _is_on(field):
    """Return whether a right of a rule is on; without the field it is."""
    return field is None or (field.get("eval") or field.text or "") not in ("0", "False", "")


def _words(field):
    return " ".join((field.text or "").split()) if field is not None else ""
