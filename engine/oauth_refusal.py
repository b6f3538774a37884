# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What an OAuth provider's refusal means and who can help: from its words to an OAuthError."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .errors import OAuthError
from .oauth_cause import Cause, Remedy
from .oauth_microsoft import NUMBERS
from .oauth_words import PHRASES, WORDS

# Microsoft: "AADSTS7000215: Invalid client secret provided. …"
_NUMBER = re.compile(r"\bAADSTS(\d{4,8})\b")
_LONGEST_DETAIL = 500
_LONGEST_WORD = 60
# RFC 6749 §5.2: the characters of an error word, less the blank; a longer text is none.
_WORD = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+\Z")


def authorization_refusal(parameters: Mapping[str, str]) -> OAuthError | None:
    """Return why a provider sent the browser back without a code (RFC 6749 §4.1.2.1), None where it did not refuse.

    Args:
        parameters: those of the address that the browser came back to.
    """
    word = parameters.get("error") or ""
    if not word:
        return None
    description = parameters.get("error_description") or parameters.get("error_subcode") or ""
    return refusal(word, description)


def token_refusal(status: int, answer: Mapping, secrets: Iterable[str] = ()) -> OAuthError:
    """Return what a token endpoint's error answer means (RFC 6749 §5.2).

    Args:
        status: the HTTP status.
        answer: the JSON object of the answer.
        secrets: what must not stand in the error, should the provider repeat it.
    """
    word, description = answer.get("error"), answer.get("error_description") or ""
    if isinstance(word, Mapping):
        # Google's other form: {"error": {"code": 403, "message": "…", "status": "PERMISSION_DENIED"}}
        word, description = word.get("status") or word.get("code"), word.get("message") or ""
    numbers = answer.get("error_codes")
    number = str(numbers[0]) if isinstance(numbers, list) and numbers else ""
    return refusal(str(word or ""), str(description), number=number, status=status, secrets=secrets)


def refusal(
    word: str, description: str, *, number: str = "", status: int = 0, secrets: Iterable[str] = ()
) -> OAuthError:
    """Return the error for a provider's word and description; unknown ones are shown as they are.

    Args:
        number: Microsoft's number where it came apart from the description.
        status: the HTTP status, 0 where the words came by the browser.
    """
    description = without(secrets, description)
    found = _NUMBER.search(description)
    number = found[1] if found else number if number.isdigit() else ""
    # The word comes from outside and is shown: a page of text is none.
    word = without(secrets, word)[:_LONGEST_WORD]
    word = word if _WORD.match(word) else ""
    cause = _cause(word, description, number, status)
    return OAuthError(
        cause.text,
        permanent=cause.remedy is not Remedy.WAIT,
        code=word or (str(status) if status else "error"),
        detail=description,
        field=cause.field,
        cure=cause.cure,
        remedy=cause.remedy.value,
        number=number,
    )


def _cause(word: str, description: str, number: str, status: int) -> Cause:
    if number in NUMBERS:
        return NUMBERS[number]
    for phrase in PHRASES:
        if word in phrase.words and phrase.pattern.search(description):
            return phrase.cause
    if word in WORDS:
        return WORDS[word]
    if status == 429 or status >= 500:
        return WORDS["temporarily_unavailable"]
    said = f" ({word})" if word else ""
    return Cause(
        f"The provider refused{said}.",
        "Compare client ID, client secret, tenant and scopes with what is registered at the provider.",
        Remedy.SETTINGS,
    )


def reconnect(cure: str) -> dict[str, str]:
    """The part of an OAuthError that says that a person has to log in again."""
    return {"cure": cure, "remedy": Remedy.RECONNECT.value}


def without(secrets: Iterable[str], text: str) -> str:
    """Return a text of bounded length in one line, with every secret in it replaced."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return " ".join(text.split())[:_LONGEST_DETAIL]
