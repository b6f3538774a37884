# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""At which command of an SMTP session a server refused: an answer to RCPT is about the address, later ones are not."""

from __future__ import annotations

import re
from enum import Enum


class SmtpStage(str, Enum):
    """The command that was answered with a refusal."""

    CONNECT = "connect"
    HELO = "helo"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    UNKNOWN = ""


_WORDS = (
    (SmtpStage.CONNECT, r"refused to talk to (?:me|us)|(?:after|in) initial connection|initial server greeting"),
    (SmtpStage.DATA, r"end of data|after i sent the message|after (?:sending )?(?:the )?message (?:body|text|content)"),
    # Postfix, Exim, DragonFly, GMX and others name the command after one of these.
    (None, r"(?:in reply to|after|did not like our(?: final)?|following|in response to|replying to|smtp command)"
     r"[\s:'\"-]{1,6}(?:the |our )?(?:pipelined )?\b(conn|ehlo|helo|mail|rcpt|data|bdat|dot)\b"),
    # Google numbered the states of its session until 2017; Yahoo puts the command into brackets.
    (SmtpStage.MAIL, r"\(state 13\)|\[mail[_ ]from\]"),
    (SmtpStage.RCPT, r"\(state 14\)|\[rcpt[_ ]to\]"),
    (SmtpStage.DATA, r"\(state 1[5-9]\)|\[data\]"),
    (SmtpStage.HELO, r"performing the (?:helo|ehlo) handshake"),
    (SmtpStage.RCPT, r"does(?: not|n.t) like (?:the )?recipient|recipient (?:was )?(?:rejected|refused) by"
     r"|rejected (?:the )?recipient\b|error following rcpt"),
    (SmtpStage.MAIL, r"does(?: not|n.t) like (?:the )?sender"),
)  # fmt: skip
_PATTERNS = tuple((stage, re.compile(pattern, re.IGNORECASE)) for stage, pattern in _WORDS)
_NAMES = {
    "conn": SmtpStage.CONNECT,
    "ehlo": SmtpStage.HELO,
    "helo": SmtpStage.HELO,
    "mail": SmtpStage.MAIL,
    "rcpt": SmtpStage.RCPT,
    "data": SmtpStage.DATA,
    "bdat": SmtpStage.DATA,
    "dot": SmtpStage.DATA,
}
# A transcript as sendmail and its descendants print it: what was said, what was answered.
_SAID = re.compile(r"^[ \t]*(?:\w{1,10}[ \t]+)?>>>[ \t]*(\w{4})\b", re.MULTILINE)
_ANSWERED = re.compile(r"^[ \t]*(?:\w{1,10}[ \t]+)?<<<[ \t]*(.*)$", re.MULTILINE)
# sendmail's own line after the answer: it knows whether RCPT was refused (EX_NOUSER), also in pipelines of commands.
_OWN_VERDICT = re.compile(r"^[ \t]*[45]\d\d 5\.1\.1 <[^>\n]{1,320}>\.\.\. User unknown", re.MULTILINE | re.IGNORECASE)
_BLANKS = re.compile(r"\s+")


def find_stage(text: str, words: str = "") -> SmtpStage:
    """Return the command that was refused.

    Args:
        text: what the report says about the recipient, for people.
        words: the server's answer, to find it in a transcript.
    """
    flat = _BLANKS.sub(" ", text)
    for stage, pattern in _PATTERNS:
        if found := pattern.search(flat):
            return stage or _NAMES[found[1].lower()]
    return _stage_of_transcript(text, words)


def says_user_unknown(text: str) -> bool:
    """Return whether sendmail itself says, below a transcript, that the recipient was refused as unknown."""
    return bool(_OWN_VERDICT.search(text))


def _stage_of_transcript(text: str, words: str) -> SmtpStage:
    wanted = _BLANKS.sub(" ", words).strip()[:30]
    answer = None
    for found in _ANSWERED.finditer(text):
        if wanted and _BLANKS.sub(" ", found[1]).startswith(wanted):
            answer = found
            break
        # Without words the last refusal counts; what comes before is often another server's.
        if not wanted and found[1][:1] in "45":
            answer = answer or found
    if not answer:
        return SmtpStage.UNKNOWN
    said = [match[1].lower() for match in _SAID.finditer(text, 0, answer.start())]
    return _NAMES.get(said[-1], SmtpStage.UNKNOWN) if said else SmtpStage.UNKNOWN
