"""The page docs/oauth_errors.md, made from the tables of the engine: `python -m tools.oauth_errors` writes it anew."""

from tools import checkout

PAGE = checkout.ROOT / "docs" / "oauth_errors.md"
WHO = {"reconnect": "whoever owns the mailbox", "settings": "the administrator", "wait": "nobody"}
HEAD = """# What OAuth providers and mail servers refuse, and what helps

Made by `python -m tools.oauth_errors` from the tables that the gateway itself reads (`engine/oauth_microsoft.py`,
`oauth_words.py`, `bearer_refusal.py`). *Who* says who can help: *the administrator* corrects a setting here or at the
provider, *whoever owns the mailbox* presses *Reconnect* and logs in once more, *nobody* has to: it is tried again.

Some errors Google shows on a page of its own and sends nobody back: *Error 400: redirect_uri_mismatch*, *Error 401:
invalid_client*, *Error 403: org_internal*, *access_denied* (the account is none of the test users of an app in
testing), *disabled_client*, *admin_policy_enforced*. They mean what the same words mean below.
"""


def page(microsoft, words, phrases, refusals, statuses):
    """Return the page as text, from the tables NUMBERS, WORDS, PHRASES, REFUSALS and STATUSES of the engine."""
    parts = [HEAD, "\n## Microsoft's numbers\n\n", _table(_grouped({f"AADSTS{n}": c for n, c in microsoft.items()}))]
    told = {f"{', '.join(phrase.words)}: {phrase.said}": phrase.cause for phrase in phrases}
    parts += ["\n## Words of providers\n\n", _table(_grouped({**told, **words}))]
    parts += [
        "\n## Mail servers that refuse a token\n\n",
        "| the server says | what it means, and what helps |\n| --- | --- |\n",
    ]
    parts += [f"| {refusal.said} | {refusal.text} |\n" for refusal in refusals]
    by_text = {}
    for status, text in statuses.items():
        by_text.setdefault(text, []).append(status)
    parts += [
        f"| status {', '.join(found)} | The access token was refused: {text} |\n" for text, found in by_text.items()
    ]
    return "".join(parts)


def _grouped(causes):
    rows = {}
    for said, cause in causes.items():
        rows.setdefault(cause, []).append(said)
    return rows


def _table(rows):
    lines = ["| the provider says | what it means | what helps | who |\n| --- | --- | --- | --- |\n"]
    for cause, said in rows.items():
        lines.append(f"| {', '.join(said)} | {cause.text} | {cause.cure} | {WHO[cause.remedy.value]} |\n")
    return "".join(lines)


def main():
    from engine.bearer_refusal import REFUSALS, STATUSES
    from engine.oauth_microsoft import NUMBERS
    from engine.oauth_words import PHRASES, WORDS

    PAGE.write_text(page(NUMBERS, WORDS, PHRASES, REFUSALS, STATUSES))


if __name__ == "__main__":
    main()
