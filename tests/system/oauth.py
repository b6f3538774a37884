# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What system tests of access tokens share: a provider, a Dovecot and an SMTP server that ask it. No Odoo is needed."""

from __future__ import annotations

import functools
import itertools
import unittest
from datetime import datetime, timezone

from tools.dovecot import Dovecot
from tools.oauth_provider import OAuthProvider
from tools.sandbox import install

from ...engine.connection import BearerToken, Connection, Security
from ...engine.errors import GatewayError
from ...engine.imap import ImapReader
from ...engine.pop import PopReader
from ...engine.smtp_session import open_session
from ...engine.web_post import post
from .case import sandbox

ALICE, BOB = "alice@example.test", "bob@example.test"
_numbers = itertools.count(1)


def now():
    """The clock as the engine gets it: naive UTC."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


class OAuthCase(unittest.TestCase):
    """A test with a provider of its own.

    Attributes:
        provider: see tools/oauth_provider.py; alice and bob have accounts.
        post: the engine's, which trusts the provider's certificate.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        install()
        cls.authority = sandbox().authority
        cls.provider = OAuthProvider(cls.authority).start()
        cls.addClassCleanup(cls.provider.stop)
        cls.provider.accounts = {ALICE: "alicepw", BOB: "bobpw"}
        cls.post = staticmethod(functools.partial(post, ca_certificate=cls.authority.ca_certificate))

    @classmethod
    def start_dovecot(cls):
        """Return a Dovecot with the mailboxes of alice and bob that asks the provider about tokens."""
        directory = sandbox().directory / f"oauth-dovecot-{next(_numbers)}"
        dovecot = Dovecot(directory, cls.authority, cls.provider.introspect_url)
        dovecot.add_users({ALICE: "alicepw", BOB: "bobpw"})
        cls.addClassCleanup(dovecot.stop)
        return dovecot.start()

    # Sessions with a token

    def connection(self, port, security=Security.TLS):
        return Connection("localhost", port, security, ca_certificate=self.authority.ca_certificate)

    def imap(self, port, token, user=ALICE, mechanism="", security=Security.TLS):
        """Open the inbox; return how many messages are in it."""
        with ImapReader(self.connection(port, security), BearerToken(user, token, mechanism)) as reader:
            return reader.status().messages

    def pop(self, port, token, user=ALICE, mechanism="", security=Security.TLS):
        with PopReader(self.connection(port, security), BearerToken(user, token, mechanism)) as reader:
            return reader.status().messages

    def smtp(self, port, token, user=ALICE, mechanism="", security=Security.STARTTLS):
        """Log in and send one message; return its sender."""
        session = open_session(self.connection(port, security))
        self.addCleanup(session.close)
        session.login_token(BearerToken(user, token, mechanism))
        session.sendmail(user, [BOB], "Subject: x\r\n\r\nHello\r\n")
        return user

    def refused(self, act, *arguments, **options):
        """Return the GatewayError that an act ends in; no secret of the provider is in it."""
        with self.assertRaises(GatewayError) as caught:
            act(*arguments, **options)
        error, words = caught.exception, ""
        while error is not None:
            words += f"{error!r} {getattr(error, 'detail', '')}"
            error = error.__cause__
        for grant in self.provider.grants:
            for secret in (*grant.access, grant.refresh):
                self.assertFalse(secret and secret in words, words)
        return caught.exception
