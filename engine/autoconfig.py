# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mozilla's autoconfig: the XML in which a domain tells mail programs where its servers are."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from lxml import etree

from .connection import Security
from .errors import GatewayError

_PROTOCOLS = {"imap": "imap", "pop3": "pop", "smtp": "smtp"}
# "plain" is left out: nobody's password is sent in clear text because a file said so.
_SECURITIES = {"SSL": Security.TLS, "STARTTLS": Security.STARTTLS}
_MOST_SERVERS = 20


@dataclass(frozen=True, slots=True)
class NamedServer:
    """A server as the document names it; `user` is "" where it says nothing, or something that is no name."""

    protocol: str
    host: str
    port: int
    security: Security
    user: str = ""


def autoconfig_urls(address: str, domain: str) -> tuple[str, str]:
    """Return where a domain may keep its document, in the order in which Thunderbird asks."""
    query = f"?emailaddress={quote(address)}"
    return (
        f"https://autoconfig.{domain}/mail/config-v1.1.xml{query}",
        f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml{query}",
    )


def parse_autoconfig(document: bytes, address: str) -> list[NamedServer]:
    """Return the servers that a document names, in its order, with the placeholders filled in for ``address``.

    Raises:
        GatewayError: it is no such document. One with a DOCTYPE is refused: entities are how XML reads other files.
    """
    # Nothing is loaded and nothing replaced, whatever the document asks for.
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, recover=False
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise GatewayError("The document is no XML.", permanent=True, phase="parse", detail=str(error)) from error
    if root.getroottree().docinfo.doctype or root.tag != "clientConfig":
        raise GatewayError("The document is no mail configuration.", permanent=True, phase="parse")
    found = []
    for element in root.iter("incomingServer", "outgoingServer"):
        server = _server(element, address)
        if server:
            found.append(server)
        if len(found) >= _MOST_SERVERS:
            break
    return found


def _server(element, address: str) -> NamedServer | None:
    def text(name):
        return _filled((element.findtext(name) or "").strip(), address)

    protocol = _PROTOCOLS.get(element.get("type", "").lower())
    security = _SECURITIES.get(text("socketType").upper())
    host, port = text("hostname").lower().rstrip("."), text("port")
    is_name = host and len(host) <= 253 and all(character.isalnum() or character in ".-" for character in host)
    if not protocol or not security or not is_name or not port.isascii() or not port.isdigit():
        return None
    if not 0 < int(port) < 65536:
        return None
    user = text("username")
    return NamedServer(protocol, host, int(port), security, "" if "%" in user or len(user) > 254 else user)


def _filled(text: str, address: str) -> str:
    local, _at, domain = address.rpartition("@")
    for name, value in (("EMAILADDRESS", address), ("EMAILLOCALPART", local), ("EMAILDOMAIN", domain)):
        text = text.replace(f"%{name}%", value)
    return text
