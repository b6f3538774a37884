"""i18n/: the template of all words that people see, and the translations that go with it.

`./dev translate` writes the template from a database with the addon and from the engine, and carries the translations
over: a new text is empty there, one that is gone is removed.
"""

import contextlib
import os

from tools import checkout, environment, odoo_server, process
from tools.database import Databases

# The checkout has a link to itself below .dev, which Odoo's own export would follow without end.
EXPORT = """
import io, os
from odoo.modules import get_module_path
from odoo.tools import translate

ADDON = "spp_email_gateway"
ROOT = get_module_path(ADDON)
PYTHON = "odoo.tools.babel:extract_python", {"_": None, "_lt": None}, translate.PYTHON_TRANSLATION_COMMENT
SCRIPT = "odoo.tools.babel:extract_javascript", {"_t": None}, translate.JAVASCRIPT_TRANSLATION_COMMENT
PAGE = "odoo.tools.translate:babel_extract_qweb", {"_": None}, translate.JAVASCRIPT_TRANSLATION_COMMENT
METHODS = {".py": PYTHON, ".js": SCRIPT, ".xml": PAGE}


class Reader(translate.TranslationModuleReader):
    def _export_translatable_resources(self):
        for folder in ("models", "wizards", "controllers", "cli", "static/src"):
            for root, _folders, names in os.walk(os.path.join(ROOT, folder)):
                for name in names:
                    if method := METHODS.get(os.path.splitext(name)[1]):
                        self._terms(name, root, *method)

    def _terms(self, name, root, method, keywords, comment):
        path = os.path.dirname(ROOT)
        self._babel_extract_terms(name, path, root, method, extra_comments=[comment], extract_keywords=keywords)

    def _verified_module_filepaths(self, name, path, root):
        file = os.path.join(root, name)
        return ADDON, file, file[len(path):], "addons" + file[len(path):]


buffer = io.BytesIO()
translate.PoFileWriter(buffer, False).write_rows(Reader(env.cr, [ADDON]))
with open(os.environ["SPP_TEMPLATE"], "wb") as file:
    file.write(buffer.getvalue())
print("true")
"""


def write():
    """Write the template and bring the translations into line with it; return 0, as a command does."""
    with contextlib.ExitStack() as stack:
        fresh = checkout.DEV / f"template_{os.getpid()}.pot"
        stack.callback(fresh.unlink, missing_ok=True)
        export(fresh)
        line = [environment.python(), "-m", "tools.translation_file", str(fresh)]
        print(process.run(line, "write the translations", cwd=checkout.ROOT).stdout.strip())
    return 0


def export(file):
    """Write the template of a database that has the addon."""
    databases = Databases()
    name = databases.create(f"template_{os.getpid()}", "gateway")
    try:
        odoo_server.execute(name, EXPORT, env={"SPP_TEMPLATE": str(file)}, timeout=300)
    finally:
        databases.drop(name)
