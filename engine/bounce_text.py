# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What reports that follow no standard say about recipients: flufl.bounce's patterns first, then general ones."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from email.message import Message

from flufl.bounce import all_failures

from .report_address import ADDRESS, bare_address, found_addresses

# What it logs has the message's own words in it.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)

LONGEST = 32_768
MOST_RECIPIENTS = 50
_LONGEST_LINE = 1_000
# The library's patterns are tried on every line.
_MOST_LINES = 1_500
_EMPTY_LINES = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")
_LONGEST_BLOCK = 4_000

# Where the returned mail begins: what it says is not what the report says.
_ORIGINAL = re.compile(
    r"^[ \t]*(?:(?:received|return-path|dkim-signature|arc-seal|arc-message-signature)[ \t]*:"
    r"|[-=*_#]{2,}[^\n]{0,40}(?:original|unsent|returned|undelivered|copy of)[^\n]{0,40}(?:message|mail|header|follow)"
    r"|[^\n]{0,40}(?:original|your|the) (?:message|mail)(?: headers?)? (?:follows|is (?:below|attached below))\b"
    r"|message headers follow|original message headers:"
    r"|[^\n]{0,20}(?:below|included|enclosed|here)\b[^\n]{0,20}\bis a copy of)",
    re.IGNORECASE | re.MULTILINE,
)
_FAILURE = re.compile(
    r"un-?deliver|(?:not|n.t|never) (?:be |been )?(?:deliver|reach|relayed|sent)|(?:unable|failed|impossible"
    r"|not able|trouble)"
    r" (?:to )?(?:deliver|send|relay|reach)|deliver\w* (?:\w+ ){0,5}(?:fail|abort|problem|error|imposs|unsuccess)"
    r"|delivery.{0,60}fail"
    r"|(?:permanent|fatal|delivery|smtp|transmission|routing) (?:\w+ )?(?:error|failure|problem)|(?:reject|return"
    r"|bounc)ed|failure notice"
    r"|not (?:a )?member of|user unknown|unknown user|over quota|could not be|was not accepted|mailbox is full"
    r"|(?:responded|said|error) ?:? ?5\d\d"
    r"|\b5\d\d[ -]5\.\d+\.\d+|(?:^|[\s:])55\d[ -]{1,3}[a-z<]|(?:invalid|no such) (?:user|recipient|address|mailbox)"
    r"|returned (?:mail|to sender)|mail system error"
    r"|nicht (?:zugestellt|zustellbar|erreich)|unzustellbar|non (?:remis|distribu|livr|recapit|consegn)|[eé]chec"
    r"|no (?:se )?(?:ha )?(?:pud[oi]|entreg)|n[aã]o (?:foi )?(?:entreg|p[oô]de)|не (?:может быть "
    r"|было )?(?:доставлен)|nie (?:dostarcz|mo)"
    r"|niet (?:afgeleverd|bezorg)|送信できません|配信(?:できません|不能|エラー)|送達|送信に失敗|エラー|退信"
    r"|无法(?:投递|送达|发送)|전달(?:되지|할 수)|배달",
    re.IGNORECASE,
)
_DELAY = re.compile(
    r"warning message only|(?:do(?:es)? not|don.t) need to re-?send|not yet been delivered|has not yet been delivered"
    r"|(?:delivery )?attempts will continue|will (?:continue|keep) (?:to (?:try|be)|trying)|will (?:be retried"
    r"|retry|try again)"
    r"|message (?:\S+ )?(?:is |has been |was )?delayed|delivery (?:is |has been |temporarily )*(?:delayed"
    r"|suspended)|\(delay\)"
    r"|temporary (?:failure|problem|delay) report|still (?:being|trying)|no action is required on your part"
    r"|verz[oö]ger|retard[ée]|retrasad|ritardat|atrasad|vertraag|задерж|opóźni|遅延|延迟|지연",
    re.IGNORECASE,
)
_GIVEN_UP = re.compile(
    r"permanent (?:error|fail)|failed permanently|given up|giving up|not going to try again|will be deleted from"
    r"|(?:no|not) (?:further|be) (?:retried|(?:delivery )?attempts)|fatal error",
    re.IGNORECASE,
)
_REPLY = re.compile(
    r"(?<![\d.:/\[-])([245]\d\d)(?=[ -:]|$)(?!\.\d)(?! ?(?:kb|mb|bytes|times|messages|more|days|hours|minutes"
    r"|seconds)\b)",
    re.IGNORECASE,
)
# Where a transcript goes on behind the answer.
_WORDS_END = re.compile(r"\)? -{3,} | (?:<<<|>>>) | \.\.\. while talking")
_REMOTE = re.compile(
    r"(?:(?<!at )host:?|talking to|smtp server|remote server|server for domain|connect to|refused by|gateway)\s+"
    r"[<\"']?((?:[a-z0-9_-]{1,63}\.){1,8}[a-z]{2,24})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TextReport:
    """What a text says.

    Attributes:
        recipients: addresses that are reported on, lower-case, with the lines about each.
        notice: the text before the original.
        is_failure: words of a failure stand in it.
        is_delay: it says that the server goes on trying.
    """

    recipients: tuple[tuple[str, str], ...] = ()
    notice: str = ""
    is_failure: bool = False
    is_delay: bool = False


def notice_of(text: str) -> str:
    """Return what stands before the returned mail, of bounded length."""
    found = _ORIGINAL.search(text)
    # A report may begin with a banner that looks like it.
    while found and len(text[: found.start()].strip()) < 20:
        found = _ORIGINAL.search(text, found.end())
    notice = text[: found.start()] if found else text
    notice = _EMPTY_LINES.sub("\n\n", notice[:LONGEST])
    return "\n".join(line[:_LONGEST_LINE] for line in notice.split("\n")[:_MOST_LINES])


def read_bounce_text(
    text: str, subject: str = "", sender: str = "", not_recipients: frozenset[str] = frozenset()
) -> TextReport:
    """Return what a report for people says.

    Args:
        text: of all its parts for people, one after the other.
        subject: decoded.
        sender: the From field.
        not_recipients: addresses that cannot be meant, as the one that the report is sent to.
    """
    notice = notice_of(text)
    addresses, placed = _by_library(notice, subject, sender), _by_place(notice, not_recipients)
    if set(addresses) < set(placed):  # the library stops at the first of several, for some servers
        addresses = placed
    heading = f"{subject}\n{notice}"
    return TextReport(
        tuple((address, block_about(notice, address, addresses)) for address in addresses),
        notice,
        is_failure_text(heading),
        is_delay_text(heading),
    )


def is_failure_text(text: str) -> bool:
    """Return whether words of a failure stand in a report."""
    return bool(_FAILURE.search(text))


def is_delay_text(text: str) -> bool:
    """Return whether a report says that its server goes on trying."""
    return bool(_DELAY.search(text)) and not _GIVEN_UP.search(text.replace("had fatal errors", ""))


def block_about(notice: str, address: str, others: list[str]) -> str:
    """Return the lines from the first that names ``address`` to the next one that names another; all if it is alone."""
    if len(others) < 2:
        return notice
    rest = [other for other in others if other != address]
    lines: list[str] = []
    for line in notice.split("\n"):
        low = line.lower()
        if address in low:
            lines.append(line)
        elif any(other in low for other in rest):
            if lines:
                break
        elif lines:
            lines.append(line)
        if sum(map(len, lines)) > _LONGEST_BLOCK:
            break
    return "\n".join(lines)


def find_code(text: str) -> int:
    """Return the SMTP code of the first refusal in a text, 0 without one."""
    # A code may stand at the end of a line.
    for found in _REPLY.finditer(" ".join(text[: 4 * _LONGEST_BLOCK].split())):
        if found[1][0] in "45":
            return int(found[1])
    return 0


def find_words(block: str) -> str:
    """Return the server's words in the lines about a recipient: from its code on, else all of them, in one line."""
    flat = " ".join(block.split())
    for found in _REPLY.finditer(flat[: 2 * _LONGEST_BLOCK]):
        if found[1][0] in "45":
            return _WORDS_END.split(flat[found.start() :], maxsplit=1)[0][:_LONGEST_LINE]
    return flat[:_LONGEST_LINE]


def find_remote(block: str) -> str:
    """Return the name of the remote server in the lines about a recipient, lower-case; ""."""
    found = _REMOTE.search(" ".join(block.split()))
    return found[1].lower()[:255] if found else ""


def _by_library(notice: str, subject: str, sender: str) -> list[str]:
    """Return what flufl.bounce finds. It is given the text alone, so that its work is bounded."""
    message = Message()
    message["From"], message["Subject"] = _one_line(sender), _one_line(subject)
    message["Content-Type"] = "text/plain"
    message.set_payload(notice)
    mixed = Message()
    mixed["From"], mixed["Subject"] = _one_line(sender), _one_line(subject)
    mixed["Content-Type"] = "multipart/mixed"
    mixed.attach(message)
    for candidate in (message, mixed):
        try:
            temporary, permanent = all_failures(candidate)
        except Exception:  # noqa: BLE001 - somebody else's patterns on a stranger's text; ours follow
            continue
        found = {bare_address(raw.decode("utf-8", "replace")) for raw in {*temporary, *permanent}} - {""}
        if found:
            low = notice.lower()
            return sorted(found, key=lambda address: (low.find(address), address))[:MOST_RECIPIENTS]
    return []


# A line about one recipient, the surest forms first.
_AT = ADDRESS.pattern
_PLACES = tuple(
    re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for pattern in (
        rf"(?:rcpt to|final-recipient|original-recipient|recipient(?: address)?|original address|failed recipient"
        rf"|address)[ \t]*:[ \t]*(?:rfc822;)?[ \t]*[<\[\"']?({_AT})",
        rf"^[ \t]*[*-]?[ \t]*[<\"']({_AT})[>\"'][ \t]*(?:\([^\n()]{{0,200}}\))?[ \t]*(?::|\(|$|-|\.\.\.)",
        rf"(?:mailing list|member of|group)\b[^\n]{{0,40}}<({_AT})>",
        rf"(?:unable to|cannot|could ?n.t|could not|not able to|undeliverable|failed to|problem|delivery|rejected"
        rf"|deliver\w*|delivered)\b[^\n]{{0,80}}\bto:?[ \t]+[<\"']?({_AT})",
        rf"(?:mailbox is full|size|attempts?|unknown|failed|errors?)[^\n]{{0,20}}:[ \t]*[<\"']?({_AT})",
        rf"^[ \t]*[*-]?[ \t]*({_AT})[ \t]*(?:<mailto:[^>\n]*>)?[ \t]*(?::|\[|\(|$|\.\.\.|on\b)",
        rf"<({_AT})>",
    )
)  # fmt: skip

_SURE_PLACES = 4


def _by_place(notice: str, not_recipients: frozenset[str]) -> list[str]:
    for number, pattern in enumerate(_PLACES):
        found: dict[str, None] = {}
        for match in pattern.finditer(notice):
            address = match[1].lower().strip(".'")
            if address not in not_recipients and (number < _SURE_PLACES or not _is_server(address)):
                found[address] = None
            if len(found) >= MOST_RECIPIENTS:
                break
        if found:
            return list(found)
    return [found for found in found_addresses(notice, 3) if found not in not_recipients and not _is_server(found)][:1]


def _is_server(address: str) -> bool:
    local, _at, domain = address.partition("@")
    return local in ("mailer-daemon", "postmaster") or "." not in domain


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_LINE]
