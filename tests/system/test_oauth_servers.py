# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mailboxes and outgoing servers that want an access token: a Dovecot and an SMTP server that ask a real provider."""

from __future__ import annotations

import itertools
import json
import time

from tools.dovecot import Dovecot
from tools.oauth_provider import OAuthProvider
from tools.proxy import Proxy
from tools.smtp_sink import SmtpSink

from .case import SystemCase, letter, wait_for
from .console import ConsoleError

# Dovecot notices new users after a second, so all are there from the start.
USERS = [f"box{number}@example.test" for number in range(40)]
_users = iter(USERS)
_names = itertools.count(1)

CREATE = """
credential = env["spp.email.oauth"].create(values)
if access:
    from datetime import timedelta
    from odoo import fields
    now = fields.Datetime.now()
    credential.write({
        "access_token": access, "refresh_token": refresh, "obtained_date": now - timedelta(hours=1),
        "refresh_date": now, "access_until": now + timedelta(minutes=minutes),
    })
answer = credential.id
"""
USE = """
import json
print(json.dumps(env["spp.email.oauth"].browse({id})._access_token()))
"""

# As the job does it: several mailboxes at once, within a budget.
ROUND = "env['spp.email.fetching']._fetch(env['fetchmail.server'].browse(ids), 30)"


class OAuthServerCase(SystemCase):
    # A renewal through a slow line takes longer than the tests' usual second.
    lease_seconds = 60

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.provider = OAuthProvider(cls.sandbox.authority).start()
        cls.addClassCleanup(cls.provider.stop)
        cls.mailboxes = Dovecot(
            cls.sandbox.directory / f"oauth-{cls.__name__}", cls.sandbox.authority, cls.provider.introspect_url
        )
        cls.mailboxes.add_users(dict.fromkeys(USERS, "no password serves here"))
        cls.addClassCleanup(cls.mailboxes.stop)
        cls.mailboxes.start()

    def credential(self, user=None, *, minutes=60, port=None, **values):
        """Make a credential; connected as ``user`` where one is given. Return its id."""
        access, refresh = self.provider.grant(user) if user else ("", "")
        address = f"https://localhost:{port or self.provider.port}"
        values = {
            "name": f"Credential {next(_names)}",
            "provider": "other",
            "client_id": "application",
            "client_secret": "application-secret",
            "authorize_url": f"{address}/authorize",
            "token_url": f"{address}/token",
            "revoke_url": f"{address}/revoke",
            "scopes": "mail",
            "mail_hosts": "localhost",
            "ca_certificate": self.sandbox.ca_certificate,
            **values,
        }
        return self.ask(CREATE, values=values, access=access, refresh=refresh, minutes=minutes)

    def box(self, credential, user, protocol="imap"):
        """Connect a mailbox that logs in with a credential; return its id."""
        return self.mailbox(
            user,
            protocol,
            self.mailboxes.imaps if protocol == "imap" else self.mailboxes.pop3s,
            server="localhost",
            password=False,
            is_ssl=True,
            gateway_ca_certificate=self.sandbox.ca_certificate,
            gateway_oauth_id=credential,
        )

    def tokens(self, credential):
        """Return (access token, refresh token) as they are kept."""
        code = (
            "token = env['spp.email.oauth'].browse(id)._kept().token\n"
            "answer = [token.access_token, token.refresh_token]"
        )
        return self.ask(code, id=credential)

    def row(self, credential, *columns):
        return self.rows(f"SELECT {', '.join(columns)} FROM spp_email_oauth WHERE id = %s", credential)[0]  # noqa: S608

    def make_older(self, credential):
        """Let the present token be of some time ago."""
        self.rows(
            "UPDATE spp_email_oauth SET obtained_date = obtained_date - interval '1 hour' WHERE id = %s", credential
        )

    def renewals(self):
        return sum(path == "/token" for path, _form in self.provider.asked)

    def deliver(self, user, subject):
        self.mailboxes.deliver(user, letter(subject))


class TestFetchingWithTokens(OAuthServerCase):
    def test_a_provider_that_hangs_delays_its_own_mailboxes_only(self):
        hanging, other = next(_users), next(_users)
        credentials = [self.credential(hanging, minutes=-1), self.credential(other)]
        for user in (hanging, other):
            self.deliver(user, f"Hangs {user}")
        servers = [self.box(credential, user) for credential, user in zip(credentials, (hanging, other), strict=True)]
        # It would be read first.
        self.rows("UPDATE fetchmail_server SET date = '2020-01-01' WHERE id = %s", servers[0])
        release = self.provider.hold("/token")
        self.addCleanup(release.set)
        began = time.monotonic()
        self.ask(ROUND, ids=servers)
        self.assertEqual(self.leads("Hangs %"), [f"Hangs {other}"])
        # The budget of a provider in a round, and no more: it hangs until it is let go.
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(self.rows("SELECT error_message FROM fetchmail_server WHERE id = %s", servers[0]), [(None,)])
        release.set()
        wait_for(
            lambda: self.row(credentials[0], "access_until > now() AT TIME ZONE 'UTC'")[0], "the token is there", 60
        )
        self.ask(ROUND, ids=servers)
        self.assertEqual(sorted(self.leads("Hangs %")), sorted(f"Hangs {user}" for user in (hanging, other)))

    def test_a_provider_that_hangs_after_a_refusal(self):
        """The mail server takes the token no more, and the provider gives no other one."""
        hanging, other = next(_users), next(_users)
        credentials = [self.credential(user) for user in (hanging, other)]
        self.provider.expire(self.tokens(credentials[0])[0])
        self.make_older(credentials[0])
        for user in (hanging, other):
            self.deliver(user, f"Refused {user}")
        servers = [self.box(credential, user) for credential, user in zip(credentials, (hanging, other), strict=True)]
        release = self.provider.hold("/token")
        self.addCleanup(release.set)
        began = time.monotonic()
        self.ask(ROUND, ids=servers)
        self.assertEqual(self.leads("Refused %"), [f"Refused {other}"])
        self.assertLess(time.monotonic() - began, 12)

    def test_imap_and_pop(self):
        for protocol in ("imap", "pop"):
            with self.subTest(protocol=protocol):
                user = next(_users)
                credential = self.credential(user)
                self.deliver(user, f"Token {protocol}")
                self.assertEqual(self.row(credential, "state"), ("new",))
                self.fetch(self.box(credential, user, protocol))
                self.assertEqual(self.leads(f"Token {protocol}"), [f"Token {protocol}"])
                self.assertEqual(self.row(credential, "state", "used_date IS NOT NULL"), ("valid", True))

    def test_test_and_confirm_proves_the_token(self):
        user = next(_users)
        credential = self.credential(user)
        told = self.ask(
            "answer = env['fetchmail.server'].browse(id).button_confirm_login()['params']['message']",
            id=self.box(credential, user),
        )
        self.assertIn("Connected to folder INBOX", told)
        self.assertEqual(self.row(credential, "state"), ("valid",))

    def test_an_ended_token_is_renewed_before_it_is_used(self):
        user = next(_users)
        credential = self.credential(user, minutes=1)
        before = self.tokens(credential)
        self.deliver(user, "Renewed on use")
        self.fetch(self.box(credential, user))
        self.assertEqual(self.leads("Renewed on use"), ["Renewed on use"])
        after = self.tokens(credential)
        self.assertNotEqual(before[0], after[0])
        self.assertNotEqual(before[1], after[1], "the provider rotates refresh tokens")

    def test_a_refused_token_is_renewed_once_and_the_mailbox_read_in_the_same_run(self):
        user = next(_users)
        credential = self.credential(user)
        server = self.box(credential, user)
        for number, how in enumerate(("Fetch Now", "job")):
            with self.subTest(how=how):
                subject = f"After a refusal by {how}"
                self.deliver(user, subject)
                self.make_older(credential)
                self.provider.expire(self.tokens(credential)[0])
                before = self.renewals()
                if number:
                    self.ask(
                        "env['ir.cron']._commit_progress\n"
                        "servers = env['fetchmail.server'].browse(ids)\n"
                        "env['spp.email.parallel.fetching']._fetch(servers, None)",
                        ids=[server],
                    )
                else:
                    self.fetch(server)
                self.assertEqual(self.leads(subject), [subject])
                self.assertEqual(self.renewals(), before + 1)
                self.assertEqual(self.row(credential, "state"), ("valid",))
        self.assertFalse(self.value("SELECT gateway_failures FROM fetchmail_server WHERE id = %s", server))

    def test_a_token_of_another_account_is_told_and_not_asked_for_without_end(self):
        user, other = next(_users), next(_users)
        credential = self.credential(other)
        server = self.box(credential, user)
        before = self.renewals()
        with self.assertRaises(ConsoleError) as caught:
            self.fetch(server)
        self.assertIn("The access token was refused", caught.exception.text)
        self.assertEqual(self.renewals(), before + 1)
        state, failure = self.row(credential, "state", "failure_text")
        self.assertEqual(state, "failing")
        self.assertIn("The access token was refused", failure)

    def test_revoked_then_dead_then_activity_then_connected_again(self):
        user = next(_users)
        credential = self.credential(user)
        server = self.box(credential, user)
        self.deliver(user, "Waits for the connection")
        self.provider.revoke(self.tokens(credential)[0])
        self.make_older(credential)
        with self.assertRaises(ConsoleError) as caught:
            self.fetch(server)
        self.assertIn("has expired or was revoked", caught.exception.text)
        self.assertIn("Connect the account again.", caught.exception.text)
        self.assertEqual(self.row(credential, "state"), ("dead",))
        self.ask("env['spp.email.health']._check()")
        ((finding, note),) = self.rows(
            "SELECT h.id, a.note FROM spp_email_health h JOIN mail_activity a"
            " ON a.res_model = 'spp.email.health' AND a.res_id = h.id"
            " WHERE h.code = %s AND h.active AND a.active LIMIT 1",
            f"oauth_{credential}_dead",
        )
        self.assertIn(f'href="/odoo/email-health/{finding}"', note)
        self.assertIn("Reconnect", note)
        # A dead one is not asked for again and again.
        before = self.renewals()
        with self.assertRaises(ConsoleError):
            self.fetch(server)
        self.assertEqual(self.renewals(), before)
        access, refresh = self.provider.grant(user)
        self.ask(
            "from datetime import timedelta\nfrom odoo import fields\n"
            "from odoo.addons.spp_email_gateway.engine.oauth_client import OAuthToken\n"
            "end = fields.Datetime.now() + timedelta(hours=1)\n"
            "env['spp.email.oauth'].browse(id)._keep(OAuthToken(access, refresh, end, 'mail'))",
            id=credential,
            access=access,
            refresh=refresh,
        )
        self.fetch(server)
        self.assertEqual(self.leads("Waits for the connection"), ["Waits for the connection"])
        self.ask("env['spp.email.health']._check()")
        self.assertEqual(
            self.rows("SELECT active FROM spp_email_health WHERE code = %s", f"oauth_{credential}_dead"), [(False,)]
        )

    def test_several_mailboxes_with_client_credentials(self):
        first, second = next(_users), next(_users)
        self.provider.application_user = first
        self.addCleanup(setattr, self.provider, "application_user", "")
        credential = self.credential(grant="client")
        self.deliver(first, "By the application")
        self.fetch(self.box(credential, first))
        self.assertEqual(self.leads("By the application"), ["By the application"])
        # Only what the provider gave: the other mailbox stays shut, and the credential stays good.
        with self.assertRaises(ConsoleError):
            self.fetch(self.box(credential, second))
        self.assertEqual(self.row(credential, "state"), ("valid",))

    def test_no_token_leaves_for_another_host_or_unencrypted(self):
        user = next(_users)
        credential = self.credential(user)
        server = self.box(credential, user)
        before = self.mailboxes
        for values, words in (
            ({"server": "127.0.0.1"}, "not for this server"),
            ({"is_ssl": False, "gateway_use_starttls": False, "port": before.imap}, "encrypted connection"),
        ):
            with self.subTest(words=words):
                self.ask("env['fetchmail.server'].browse(id).write(values)", id=server, values=values)
                with self.assertRaises(ConsoleError) as caught:
                    self.fetch(server)
                self.assertIn(words, caught.exception.text)
                self.ask(
                    "env['fetchmail.server'].browse(id).write(values)",
                    id=server,
                    values={"server": "localhost", "is_ssl": True, "port": before.imaps},
                )


class TestTokensOfManyWorkers(OAuthServerCase):
    def test_four_workers_renew_a_rotating_token_once(self):
        user = next(_users)
        with Proxy(self.provider.port, delay_ms=150) as slow:
            credential = self.credential(user, minutes=0, port=slow.port)
            before = self.renewals()
            workers = [self.start(USE.format(id=credential)) for _number in range(4)]
            got = set()
            for worker in workers:
                output, _nothing = worker.communicate(timeout=90)
                got.add(json.loads(output.strip().splitlines()[-1]))
        self.assertEqual(len(got), 1, got)
        self.assertEqual(self.renewals(), before + 1)
        (grant,) = (grant for grant in self.provider.grants if grant.user == user)
        self.assertFalse(grant.is_revoked, "a rotated refresh token was sent twice")
        self.assertEqual(self.tokens(credential), [got.pop(), grant.refresh])

    def test_a_callers_rollback_does_not_lose_the_new_refresh_token(self):
        user = next(_users)
        credential = self.credential(user, minutes=0)
        with self.assertRaises(ConsoleError):
            self.ask(
                "env['spp.email.oauth'].browse(id)._access_token()\nraise ValueError('the caller fails')", id=credential
            )
        (grant,) = (grant for grant in self.provider.grants if grant.user == user)
        self.assertEqual(self.tokens(credential)[1], grant.refresh)

    def test_a_worker_that_dies_while_it_waits_blocks_nobody(self):
        user = next(_users)
        with Proxy(self.provider.port) as line:
            credential = self.credential(user, minutes=0, port=line.port)
            line.hold(rb".")
            worker = self.start(USE.format(id=credential))
            self.assertTrue(line.held.wait(60))
            # No row is locked while the provider is waited for.
            self.assertEqual(
                self.rows("UPDATE spp_email_oauth SET name = name WHERE id = %s RETURNING id", credential),
                [(credential,)],
            )
            worker.kill()
            worker.wait(10)
            line.release()
            got = self.ask("answer = env['spp.email.oauth'].browse(id)._access_token()", id=credential)
        self.assertEqual(got, self.tokens(credential)[0])

    def test_the_job_renews_ahead(self):
        user = next(_users)
        credential = self.credential(user, minutes=10)
        before = self.tokens(credential)
        self.ask("env['spp.email.oauth']._cron_renew()")
        self.assertNotEqual(self.tokens(credential), before)


class TestSendingWithTokens(OAuthServerCase):
    def setUp(self):
        super().setUp()
        self.rows("UPDATE ir_mail_server SET active = FALSE")
        self.sink = SmtpSink(
            keep=True,
            authority=self.sandbox.authority,
            mechanisms="XOAUTH2 OAUTHBEARER",
            introspect_url=self.provider.introspect_url,
        )
        self.sink.start()
        self.addCleanup(self.sink.stop)

    def server(self, credential, user):
        values = {
            "name": "out",
            "smtp_host": "localhost",
            "smtp_port": self.sink.port,
            "smtp_encryption": "starttls_strict",
            "smtp_authentication": "spp_oauth",
            "smtp_user": user,
            "gateway_ca_certificate": self.sandbox.ca_certificate,
            "gateway_oauth_id": credential,
        }
        return self.ask("answer = env['ir.mail_server'].create(values).id", values=values)

    def send(self, *recipients):
        ids = self.ask(
            "answer = env['mail.mail'].create([{'subject': 'Case', 'body_html': '<p>x</p>', 'email_to': to, "
            "'email_from': 'office@example.test', 'auto_delete': False} for to in recipients]).ids",
            recipients=recipients,
        )
        self.ask("env['mail.mail'].process_email_queue(email_ids=ids)", ids=ids)
        return [state for (state,) in self.rows("SELECT state FROM mail_mail WHERE id = ANY(%s) ORDER BY id", ids)]

    def test_queue_and_pool(self):
        user = next(_users)
        credential = self.credential(user)
        self.server(credential, user)
        self.assertEqual(self.send("a@remote.test", "b@remote.test", "c@remote.test"), ["sent"] * 3)
        self.assertEqual([message["user"] for message in self.sink.messages()], [user] * 3)
        self.assertEqual(self.sink.connections, 1, "one session for all of them")
        self.assertEqual(self.row(credential, "state"), ("valid",))

    def test_a_refused_token_is_renewed_and_the_mail_sent(self):
        user = next(_users)
        credential = self.credential(user)
        self.server(credential, user)
        self.provider.expire(self.tokens(credential)[0])
        before = self.renewals()
        self.assertEqual(self.send("a@remote.test"), ["sent"])
        self.assertEqual(self.renewals(), before + 1)

    def test_a_dead_credential_lets_mail_wait(self):
        user = next(_users)
        credential = self.credential(user)
        self.server(credential, user)
        self.provider.revoke(self.tokens(credential)[0])
        self.assertEqual(self.send("a@remote.test"), ["outgoing"])
        self.assertEqual(self.row(credential, "state"), ("dead",))
        ((state, text),) = self.rows("SELECT state, smtp_text FROM spp_email_delivery ORDER BY id DESC LIMIT 1")
        self.assertEqual(state, "deferred")
        self.assertIn("expired or was revoked", text)

    def test_test_connection(self):
        user = next(_users)
        credential = self.credential(user)
        code = "answer = env['ir.mail_server'].browse(id).test_smtp_connection()['params']['message']"
        self.assertIn("The server let us in.", self.ask(code, id=self.server(credential, user)))
        self.assertEqual(self.row(credential, "state"), ("valid",))
        self.provider.revoke(self.tokens(credential)[0])
        self.make_older(credential)
        with self.assertRaises(ConsoleError) as caught:
            self.ask(code, id=self.server(credential, user))
        self.assertIn("has expired or was revoked", caught.exception.text)


class TestAddonsServers(OAuthServerCase):
    """Odoo's own google_gmail and microsoft_outlook, which are installed with mail."""

    def test_a_mailbox_moves_over_with_its_token_and_journal(self):
        user = next(_users)
        access, refresh = self.provider.grant(user)
        self.ask("env['ir.config_parameter'].set_param('google_gmail_client_id', 'application')")
        server = self.mailbox(user, "gmail", self.mailboxes.imaps, server="localhost", password=False, is_ssl=True)
        self.ask(
            "env['fetchmail.server'].browse(id).write({'google_gmail_refresh_token': refresh})",
            id=server,
            refresh=refresh,
        )
        key = self.ask("answer = env['fetchmail.server'].browse(id)._gateway_server_key()", id=server)
        self.ask("env['fetchmail.server'].browse(id).action_gateway_take_over()", id=server)
        kind, credential = self.rows(
            "SELECT server_type, gateway_oauth_id FROM fetchmail_server WHERE id = %s", server
        )[0]
        self.assertEqual(kind, "imap")
        self.assertEqual(self.ask("answer = env['fetchmail.server'].browse(id)._gateway_server_key()", id=server), key)
        self.assertEqual(self.row(credential, "provider", "state"), ("google", "new"))
        self.assertEqual(
            self.rows("SELECT google_gmail_refresh_token FROM fetchmail_server WHERE id = %s", server), [(None,)]
        )
        # The provider of the test takes Google's place.
        self.ask(
            "env['spp.email.oauth'].browse(id).write({**values, 'refresh_token': refresh})",
            id=credential,
            refresh=refresh,
            values={
                "client_id": "application",
                "client_secret": "application-secret",
                "token_url": self.provider.token_url,
                "ca_certificate": self.sandbox.ca_certificate,
                "mail_hosts": "localhost",
            },
        )
        self.rows(
            "UPDATE fetchmail_server SET gateway_ca_certificate = %s WHERE id = %s", self.sandbox.ca_certificate, server
        )
        self.deliver(user, "Moved over")
        self.fetch(server)
        self.assertEqual(self.leads("Moved over"), ["Moved over"])

    def test_without_the_addons_the_paths_are_ours(self):
        for name in ("google_gmail", "microsoft_outlook"):
            self.assertEqual(self.value("SELECT state FROM ir_module_module WHERE name = %s", name), "installed")
        self.ask(
            "env['ir.module.module'].search([('name', 'in', ('google_gmail', 'microsoft_outlook'))])"
            ".button_immediate_uninstall()"
        )
        wait_for(
            lambda: self.value("SELECT state FROM ir_module_module WHERE name = 'google_gmail'") == "uninstalled",
            "uninstalled",
        )
        paths = self.ask(
            "from odoo.http import Controller\n"
            "answer = sorted(str(rule) for rule in env['ir.http'].routing_map().iter_rules() if 'confirm' in str(rule))"
        )
        self.assertEqual(
            [path for path in paths if "gmail" in path or "outlook" in path or "oauth" in path],
            ["/google_gmail/confirm", "/microsoft_outlook/confirm", "/spp_email_gateway/oauth/confirm"],
        )
        labels = self.ask("answer = env['res.config.settings'].get_view(view_type='form')['arch']")
        for words in ("Gmail Credentials", "Outlook Credentials", "Client ID", "Client Secret"):
            self.assertIn(words, labels)
        self.assertTrue(self.ask("answer = env['fetchmail.server'].get_view(view_type='form')['arch']"))
        self.assertTrue(self.ask("answer = env['ir.mail_server'].get_view(view_type='form')['arch']"))
