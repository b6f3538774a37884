# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""No password and no token for a man in the middle, whatever he shows and whichever way we come."""

import base64
from contextlib import suppress

from ...engine.connection import Connection, Password, Security, XOAuth2
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

# Which setting is at fault, in the words of the error's field.
FIELDS = {
    "own_authority": "certificate",
    "wrong_host": "host",
    "expired": "certificate",
    "self_signed": "certificate",
}


def told(heard: bytes) -> bool:
    """Whether the password or the token is in what was heard, in clear or in base64."""
    plain = heard
    for line in heard.replace(b" ", b"\n").split(b"\n"):
        with suppress(ValueError):
            plain += base64.b64decode(line.strip(), validate=True)
    return SECRET.encode() in plain or TOKEN.encode() in plain


def log_in_smtp(connection, credential):
    session = open_session(connection)
    try:
        if isinstance(credential, Password):
            session.login(credential.user, credential.secret)
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


def test(protocol, connection, credential):
    """The ways of the test buttons; True when they find nothing wrong up to the login."""
    if protocol == "smtp":
        diagnosis = diagnose_smtp(
            connection, lambda session: session.login("ann", SECRET), "ann@example.com", other_ports=(), patience=0.3
        )
    else:
        diagnosis = diagnose_mailbox(protocol, connection, credential, patience=0.3, other_ports=())
    return diagnosis


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
            for credential in (PASSWORD, BEARER):
                with self.subTest(protocol, security=security), Attacker(protocol, security, "") as attacker:
                    with suppress(GatewayError):
                        log_in(protocol, self.connection(attacker), credential)
                    self.assertTrue(told(attacker.heard), attacker.heard)
            with self.subTest(protocol, security=security, button=True), Attacker(protocol, security, "") as attacker:
                test(protocol, self.connection(attacker), PASSWORD)
                self.assertTrue(told(attacker.heard), attacker.heard)

    def test_he_hears_it_where_a_person_chose_not_to_verify(self):
        with Attacker("imap", "tls", "self_signed") as attacker:
            log_in("imap", self.connection(attacker, verify=False), PASSWORD)
            self.assertTrue(told(attacker.heard))

    def test_nothing_is_told(self):
        for (protocol, security), attacks in ATTACKS.items():
            for attack in attacks:
                for credential in (PASSWORD, BEARER):
                    named = {"protocol": protocol, "security": security, "attack": attack}
                    with self.subTest(**named), Attacker(protocol, security, attack) as attacker:
                        with self.assertRaises(GatewayError) as caught:
                            log_in(protocol, self.connection(attacker), credential)
                        self.assertFalse(told(attacker.heard), attacker.heard)
                        self.assertNotIn(b"LOGIN", attacker.heard.upper())
                        self.assertNotIn(b"AUTH", attacker.heard.upper())
                        self.assertNotIn(b"PASS", attacker.heard.upper())
                        self.assertEqual(caught.exception.field, FIELDS.get(attack, caught.exception.field))

    def test_the_buttons_tell_nothing_either(self):
        for (protocol, security), attacks in ATTACKS.items():
            for attack in attacks:
                named = {"protocol": protocol, "security": security, "attack": attack}
                with self.subTest(**named), Attacker(protocol, security, attack) as attacker:
                    diagnosis = test(protocol, self.connection(attacker), PASSWORD)
                    self.assertFalse(diagnosis.ok)
                    self.assertFalse(told(attacker.heard), attacker.heard)
                    self.assertNotIn("login", [step.name for step in diagnosis.steps])
                    # A caller that follows the suggestion must not be led out of encryption.
                    if diagnosis.suggestion is not None:
                        self.assertIsNot(diagnosis.suggestion.security, Security.NONE)
