"""The files of i18n/, in gettext's format: written anew from a fresh template, and looked at for what is missing.

Needs the virtual environment's Python.
"""

import re
import sys

import polib

from tools import checkout, translation_source

FOLDER = checkout.ROOT / "i18n"
TEMPLATE = FOLDER / f"{checkout.ADDON}.pot"
LANGUAGES = {"fr": "nplurals=2; plural=(n > 1);", "es": "nplurals=2; plural=(n != 1);"}
PYTHON = f"module: {checkout.ADDON}\nodoo-python"
PLACES = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\{.*?\}\}|\{\w*\}|</?\w+")


def read(file):
    """Return the entries of a .po or .pot file."""
    return polib.pofile(str(file))


def write(fresh):
    """Write the template and every language's file from the template of a database. Yield a line about each."""
    template = read(fresh)
    entries = {entry.msgid: entry for entry in template}
    for text, names in translation_source.terms().items():
        entry = entries.setdefault(text, polib.POEntry(msgid=text, comment=PYTHON))
        if "odoo-python" not in entry.comment:
            entry.comment += "\nodoo-python"
        places = [(f"code:addons/{checkout.ADDON}/engine/{name}", "0") for name in names]
        entry.occurrences = sorted(set(entry.occurrences) | set(places))
    ordered = [entries[text] for text in sorted(entries)]
    FOLDER.mkdir(exist_ok=True)
    _save(ordered, TEMPLATE, {})
    for language in LANGUAGES:
        file = FOLDER / f"{language}.po"
        known = {entry.msgid: entry.msgstr for entry in read(file)} if file.exists() else {}
        _save(ordered, file, known, language)
        missing = sum(not known.get(text) for text in entries)
        yield f"{file.name}: {len(entries) - missing} of {len(entries)} texts are translated"


def missing(fresh):
    """Yield what is in a fresh template and not in the stored one, or the reverse."""
    stored = {entry.msgid for entry in read(TEMPLATE)}
    actual = {entry.msgid for entry in read(fresh)} | set(translation_source.terms())
    for text in sorted(actual ^ stored):
        yield f"{'not in the template' if text in actual else 'nowhere any more'}: {text!r}"


def faults(file):
    """Yield what is wrong with a translation: texts without one, and places that were lost or invented."""
    stored = {entry.msgid for entry in read(TEMPLATE)}
    entries = {entry.msgid: entry.msgstr for entry in read(file)}
    for text in sorted(stored - set(entries)):
        yield f"missing: {text!r}"
    for text, translated in entries.items():
        if not translated:
            yield f"not translated: {text!r}"
        elif sorted(PLACES.findall(text)) != sorted(PLACES.findall(translated)):
            yield f"other places: {text!r} -> {translated!r}"


def _save(entries, file, known, language=""):
    saved = polib.POFile(wrapwidth=110)
    saved.metadata = {
        "Project-Id-Version": "OpenSPP Email Gateway 19.0",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        **({"Language": language, "Plural-Forms": LANGUAGES[language]} if language else {}),
    }
    for entry in entries:
        saved.append(
            polib.POEntry(
                msgid=entry.msgid,
                msgstr=known.get(entry.msgid, ""),
                comment=entry.comment,
                occurrences=entry.occurrences,
            )
        )
    saved.save(str(file))


if __name__ == "__main__":
    for line in write(sys.argv[1]):
        print(line)
