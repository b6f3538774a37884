# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""No password and no token for a man in the middle, whatever he shows and whichever way we come."""

import base64
from contextlib import suppress

from ...engine.connection import BearerToken, Connection, Password, Security, XOAuth2
from ...engine.errors import GatewayError
from ...engine.mailbox import open_mailbox
from ...engine.mailbox_diagnosis import diagnose_mailbox
from ...engine.smtp_diagnosis import diagnose_smtp
from ...engine.smtp_session import open_session
from .attacker import ATTACKS, Attacker
from .case import EngineCase
from .certificates import authority_pem, without_system_authorities

SECRET = "planted-Secret/42"  # noqa: S105
TOKEN = "ya29.planted-token-0123456789"  # noqa: S105
PASSWORD = Password("ann", SECRET)
BEARER = XOAuth2("ann", f"user=ann\1auth=Bearer {TOKEN}\1\1")

CREDENTIALS = (PASSWORD, BEARER, BearerToken("ann", TOKEN), BearerToken("ann", TOKEN, "OAUTHBEARER"))

# Which setting is at fault, and what is said of it.
WORDS = {
    "own_authority": ("certificate", "The certificate was not accepted: certificate signature failure."),
    "wrong_host": ("host", "The certificate belongs to another host."),
    "expired": ("certificate", "The certificate has expired."),
    "self_signed": ("certificate", "The certificate is self-signed."),
    "old_tls": ("security", "The server only offers TLS older than 1.2"),
    "stripped": ("security", "The server does not offer STARTTLS on this port"),
    "injected": ("security", "The server sent more than its answer to STARTTLS"),
    "preauth": ("security", "The server claims that we are logged in"),
    "in_clear": ("security", "The server does not speak TLS from the start on this port."),
    "refused": (None, ""),
}


def log_in_smtp(connection, credential):
    session = open_session(connection)
    try:
        if isinstance(credential, Password):
            session.login(credential.user, credential.secret)
        elif isinstance(credential, BearerToken):
            session.ehlo()
            session.login_token(credential)
        else:
            session.ehlo()
            session.docmd("AUTH", "XOAUTH2 " + base64.b64encode(credential.initial_response.encode()).decode())
            session.confirm_login()
    finally:
        session.close()


def log_in(protocol, connection, credential):
    """The ways by which mail is fetched and sent."""
    if protocol == "smtp":
        log_in_smtp(connection, credential)
    else:
        with open_mailbox(protocol, connection, credential, **({"folder": "INBOX"} if protocol == "imap" else {})):
            pass


def press(protocol, connection):
    """The ways of the test buttons; return what they found."""
    options = {"patience": 0.3, "other_ports": ()}
    if protocol == "smtp":
        return diagnose_smtp(connection, lambda session: session.login("ann", SECRET), "ann@example.com", **options)
    return diagnose_mailbox(protocol, connection, PASSWORD, **options)


class TestManInTheMiddle(EngineCase):
    def setUp(self):
        super().setUp()
        patcher = without_system_authorities()
        patcher.start()
        self.addCleanup(patcher.stop)

    def connection(self, attacker, **values):
        values.setdefault("ca_certificate", authority_pem())
        security = Security(attacker.security)
        return Connection("127.0.0.1", attacker.port, security, connect_timeout=2, read_timeout=2, **values)

    def test_he_would_hear_it(self):
        """The control: where nothing is wrong the secret does arrive, and he would have been believed."""
        for protocol, security in ATTACKS:
            for credential in CREDENTIALS:
                with self.subTest(protocol, security=security), Attacker(protocol, security, "") as attacker:
                    with suppress(GatewayError):
                        log_in(protocol, self.connection(attacker), credential)
                    self.assertTrue(attacker.knows(SECRET, TOKEN), attacker.heard)
            with self.subTest(protocol, security=security, button=True), Attacker(protocol, security, "") as attacker:
                press(protocol, self.connection(attacker))
                self.assertTrue(attacker.knows(SECRET, TOKEN), attacker.heard)

    def test_he_hears_it_where_a_person_chose_not_to_verify(self):
        with Attacker("imap", "tls", "self_signed") as attacker:
            log_in("imap", self.connection(attacker, verify=False), PASSWORD)
            self.assertTrue(attacker.knows(SECRET, TOKEN))

    def test_nothing_is_told(self):
        for (protocol, security), attacks in ATTACKS.items():
            for attack in attacks:
                for credential in CREDENTIALS:
                    named = {"protocol": protocol, "security": security, "attack": attack}
                    with self.subTest(**named), Attacker(protocol, security, attack) as attacker:
                        with self.assertRaises(GatewayError) as caught:
                            log_in(protocol, self.connection(attacker), credential)
                        self.assertFalse(attacker.knows(SECRET, TOKEN), attacker.heard)
                        self.assertNotIn(b"LOGIN", attacker.heard.upper())
                        self.assertNotIn(b"AUTH", attacker.heard.upper())
                        self.assertNotIn(b"PASS", attacker.heard.upper())
                        field, words = WORDS[attack]
                        self.assertIn(field, (None, caught.exception.field))
                        self.assertTrue(str(caught.exception).startswith(words), caught.exception)

    def test_the_buttons_tell_nothing_either(self):
        for (protocol, security), attacks in ATTACKS.items():
            for attack in attacks:
                named = {"protocol": protocol, "security": security, "attack": attack}
                with self.subTest(**named), Attacker(protocol, security, attack) as attacker:
                    diagnosis = press(protocol, self.connection(attacker))
                    self.assertFalse(diagnosis.ok)
                    self.assertFalse(attacker.knows(SECRET, TOKEN), attacker.heard)
                    self.assertNotIn("login", [step.name for step in diagnosis.steps])
                    # A caller that follows the suggestion must not be led out of encryption.
                    if diagnosis.suggestion is not None:
                        self.assertIsNot(diagnosis.suggestion.security, Security.NONE)
