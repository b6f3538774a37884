# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Access tokens in the engine's sessions, with real servers that ask a provider about them: IMAP, POP, SMTP."""

from __future__ import annotations

from tools import checkout
from tools.dovecot import is_24
from tools.postfix import Postfix
from tools.smtp_sink import SmtpSink

from ...engine.connection import Security
from .case import letter, sandbox, wait_for
from .oauth import ALICE, BOB, OAuthCase

MECHANISMS = ("XOAUTH2", "OAUTHBEARER")
APPLICATION = {
    "grant_type": "client_credentials",
    "scope": "mail",
    "client_id": "application",
    "client_secret": "application-secret",
}
EXPIRED = "The access token was refused: it has expired, was revoked, or belongs to another account than the user name."


class TestMailboxTokens(OAuthCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if is_24():
            cls.skipTest(cls, "The sandbox configures tokens for Dovecot 2.3 only.")
        cls.dovecot = cls.start_dovecot()
        cls.dovecot.append(ALICE, letter("one"))

    def both(self, mechanism="", security=Security.TLS):
        """Yield each protocol's way to open the mailbox."""
        ports = {
            Security.TLS: (self.dovecot.imaps, self.dovecot.pop3s),
            Security.STARTTLS: (self.dovecot.imap, self.dovecot.pop3),
        }[security]
        for name, act, port in (("imap", self.imap, ports[0]), ("pop", self.pop, ports[1])):
            with self.subTest(name, mechanism=mechanism, security=security):

                def open_mailbox(token, user=ALICE, act=act, port=port):
                    return act(port, token, user, mechanism, security)

                yield name, open_mailbox

    def test_a_good_token(self):
        for security in (Security.TLS, Security.STARTTLS):
            for mechanism in ("", *MECHANISMS):
                for _name, open_mailbox in self.both(mechanism, security):
                    token, _refresh = self.provider.grant(ALICE)
                    self.assertEqual(open_mailbox(token), 1)

    def test_refusals(self):
        good, _refresh = self.provider.grant(ALICE)
        expired, _refresh = self.provider.grant(ALICE)
        self.provider.expire(expired)
        revoked, _refresh = self.provider.grant(ALICE)
        self.provider.revoke(revoked)
        no_mail, _refresh = self.provider.grant(ALICE, scope="calendar")
        for case, token, user in (
            ("expired", expired, ALICE),
            ("revoked", revoked, ALICE),
            ("unknown", "never-given", ALICE),
            ("wrong user", good, BOB),
            ("wrong scope", no_mail, ALICE),
            ("no such user", good, "nobody@example.test"),
        ):
            for mechanism in MECHANISMS:
                for _name, open_mailbox in self.both(mechanism):
                    with self.subTest(case):
                        error = self.refused(open_mailbox, token, user)
                        self.assertEqual((error.phase, error.field, error.permanent), ("login", "token", True))
                        self.assertTrue(str(error).startswith(EXPIRED), str(error))
                        self.assertIn("The server said: status", str(error))
        self.assertEqual(self.imap(self.dovecot.imaps, good), 1)  # a refusal ends nothing

    def test_a_token_that_ends_while_the_session_stands(self):
        """What was let in stays in; only the next login is refused."""
        token, refresh = self.provider.grant(ALICE)
        self.assertEqual(self.imap(self.dovecot.imaps, token), 1)
        self.provider.revoke(refresh)
        self.assertEqual(self.refused(self.imap, self.dovecot.imaps, token).field, "token")

    def test_the_token_of_an_application(self):
        """Client credentials: a token without a person, which Dovecot knows for the mailbox that it is for."""
        self.provider.application_user = ALICE
        self.addCleanup(setattr, self.provider, "application_user", "")
        token = self.provider.token(APPLICATION)["access_token"]
        for _name, open_mailbox in self.both():
            self.assertEqual(open_mailbox(token), 1)
            self.assertEqual(self.refused(open_mailbox, token, BOB).field, "token")

    def test_a_provider_that_is_down(self):
        token, _refresh = self.provider.grant(ALICE)
        for path_failure in (
            lambda: self.provider.answer("/introspect", b"{}", status=500, times=9),
            lambda: self.provider.answer("/introspect", b"<html>", times=9),
        ):
            for _name, open_mailbox in self.both():
                path_failure()
                error = self.refused(open_mailbox, token)
                self.provider.answer("/introspect", b"", times=0)
                # Nothing is known about the token then: neither renewed nor given up.
                self.assertEqual((error.phase, error.field, error.permanent), ("login", "", False))
                self.assertEqual(str(error), "The server cannot check logins at the moment.")

    def test_never_in_the_clear(self):
        token, _refresh = self.provider.grant(ALICE)
        for act, port in ((self.imap, self.dovecot.imap), (self.pop, self.dovecot.pop3)):
            with self.subTest(act.__name__):
                before = len(self.provider.asked)
                error = self.refused(act, port, token, security=Security.NONE)
                self.assertEqual((error.code, error.field), ("PLAINTEXT", "security"))
                self.assertEqual(len(self.provider.asked), before)  # the server never got it

    def test_a_server_that_takes_passwords_only(self):
        token, _refresh = self.provider.grant(ALICE)
        servers = sandbox().dovecot
        for act, port in ((self.imap, servers.imaps), (self.pop, servers.pop3s)):
            with self.subTest(act.__name__):
                error = self.refused(act, port, token)
                self.assertEqual((error.code, error.field), ("MECHANISM", "host"))


class TestPostfixTokens(OAuthCase):
    """Postfix, which leaves the judgement to Dovecot."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if is_24() or not checkout.is_root():
            cls.skipTest(cls, "The sandbox configures tokens for Dovecot 2.3 only, and Postfix needs root.")
        cls.dovecot = cls.start_dovecot()
        cls.postfix = Postfix(sandbox().directory / "oauth-postfix", cls.authority, cls.dovecot).start()
        cls.addClassCleanup(cls.postfix.stop)

    def test_a_good_token(self):
        for port, security in ((self.postfix.submission, Security.STARTTLS), (self.postfix.smtps, Security.TLS)):
            for mechanism in ("", *MECHANISMS):
                with self.subTest(security=security, mechanism=mechanism):
                    before = len(self.dovecot.messages(BOB))
                    token, _refresh = self.provider.grant(ALICE)
                    self.smtp(port, token, mechanism=mechanism, security=security)
                    wait_for(lambda before=before: len(self.dovecot.messages(BOB)) > before, "the message arrives")

    def test_refusals(self):
        good, _refresh = self.provider.grant(ALICE)
        expired, _refresh = self.provider.grant(ALICE)
        self.provider.expire(expired)
        for case, token, user in (("expired", expired, ALICE), ("wrong user", good, BOB)):
            for mechanism in MECHANISMS:
                with self.subTest(case, mechanism=mechanism):
                    error = self.refused(self.smtp, self.postfix.submission, token, user, mechanism)
                    self.assertEqual((error.phase, error.field, error.permanent), ("login", "token", True))
                    self.assertEqual(error.code, "535 5.7.8")
                    self.assertTrue(str(error).startswith(EXPIRED), str(error))
                    self.assertIn("The server said: status", str(error))


class TestSendingTokens(OAuthCase):
    def sink(self, **options):
        options = {"mechanisms": "XOAUTH2 OAUTHBEARER", "introspect_url": self.provider.introspect_url, **options}
        return self.enterContext(SmtpSink(keep=True, authority=self.authority, **options))

    def test_a_good_token(self):
        for tls, security in ((False, Security.STARTTLS), (True, Security.TLS)):
            for mechanism in ("", *MECHANISMS):
                with self.subTest(security=security, mechanism=mechanism):
                    sink = self.sink(tls=tls)
                    token, _refresh = self.provider.grant(ALICE)
                    self.smtp(sink.port, token, mechanism=mechanism, security=security)
                    self.assertEqual([(m["user"], m["tls"]) for m in sink.messages()], [(ALICE, True)])

    def test_one_mechanism_only(self):
        for offered in MECHANISMS:
            for wanted in ("", *MECHANISMS):
                with self.subTest(offered=offered, wanted=wanted):
                    sink = self.sink(mechanisms=f"PLAIN {offered}")
                    token, _refresh = self.provider.grant(ALICE)
                    self.smtp(sink.port, token, mechanism=wanted)
                    self.assertEqual(sink.count, 1)

    def test_refusals(self):
        sink = self.sink()
        good, _refresh = self.provider.grant(ALICE)
        expired, _refresh = self.provider.grant(ALICE)
        self.provider.expire(expired)
        revoked, _refresh = self.provider.grant(ALICE)
        self.provider.revoke(revoked)
        for case, token, user in (
            ("expired", expired, ALICE),
            ("revoked", revoked, ALICE),
            ("unknown", "never-given", ALICE),
            ("wrong user", good, BOB),
        ):
            for mechanism, status in (("XOAUTH2", "400"), ("OAUTHBEARER", "invalid_token")):
                with self.subTest(case, mechanism=mechanism):
                    error = self.refused(self.smtp, sink.port, token, user, mechanism)
                    self.assertEqual((error.phase, error.field, error.permanent), ("login", "token", True))
                    self.assertEqual(error.code, "535 5.7.8")
                    self.assertTrue(str(error).startswith(EXPIRED), str(error))
                    self.assertIn(f"The server said: status {status}, schemes Bearer, scope mail.", str(error))
        self.assertEqual(sink.count, 0)

    def test_what_microsoft_says(self):
        for words, text, field in (
            (
                "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
                "Microsoft has switched off sending with a login for the whole organization.",
                "user",
            ),
            (
                "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.",
                "Microsoft has switched off sending with a login for this mailbox.",
                "user",
            ),
            ("535 5.7.3 Authentication unsuccessful [X.PROD.OUTLOOK.COM]", "The access token was refused.", "token"),
            ("454 4.7.0 Temporary authentication failure", "The server cannot check logins at the moment.", ""),
        ):
            with self.subTest(words):
                error = self.refused(self.smtp, self.sink(token_refusal=words).port, "token")
                self.assertTrue(str(error).startswith(text), str(error))
                self.assertEqual((error.field, error.permanent), (field, bool(field)))

    def test_renewed_once_after_a_refusal(self):
        """The order that the Odoo side keeps to: refused with field token, renewed, let in."""
        sink = self.sink()
        token, refresh = self.provider.grant(ALICE)
        self.provider.expire(token)
        self.assertEqual(self.refused(self.smtp, sink.port, token).field, "token")
        renewed = self.provider.token(
            {
                "grant_type": "refresh_token",
                "refresh_token": refresh,
                "client_id": "application",
                "client_secret": "application-secret",
            }
        )
        self.smtp(sink.port, renewed["access_token"])
        self.assertEqual(sink.count, 1)

    def test_several_mailboxes_with_the_token_of_an_application(self):
        sink = self.sink()
        answer = self.provider.token(APPLICATION)
        for user in (ALICE, BOB):
            self.smtp(sink.port, answer["access_token"], user)
        self.assertEqual([message["user"] for message in sink.messages()], [ALICE, BOB])
