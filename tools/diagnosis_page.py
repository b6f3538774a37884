"""The tables of docs/diagnosis.md, made of the engine's: `python -m tools.diagnosis_page` writes them anew."""

from tools import checkout

PAGE = checkout.ROOT / "docs" / "diagnosis.md"
HEAD = "| provider | it says | why | what helps |\n| --- | --- | --- | --- |\n"
MARK = "<!-- made by python -m tools.diagnosis_page: do not edit below -->"


def table(cures, words):
    """Return the tables as text: CURES of engine/cure_table.py, WHERE_WORDS of engine/cure.py."""
    parts = [MARK, "\n"]
    for where, title in words.items():
        parts.append(f"\n### {title[0].upper()}{title[1:]}\n\n{HEAD}")
        rows = [row for row in cures if row.where is where]
        parts += [f"| {row.provider} | {_plain(row.said)} | {row.cause} | {row.cure} |\n" for row in rows]
    return "".join(parts)


def page(text, cures, words):
    """Return the page: what people wrote of it, and the tables made anew."""
    return text.partition(MARK)[0] + table(cures, words)


def _plain(text):
    return text.replace("|", "\\|")


def main():
    from engine.cure import WHERE_WORDS
    from engine.cure_table import CURES

    PAGE.write_text(page(PAGE.read_text(), CURES, WHERE_WORDS))


if __name__ == "__main__":
    main()
