# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""OAuth credentials: presets, tokens that are renewed and kept, what is said about them, and who may do what."""

import json
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import Mock, patch

from psycopg2 import IntegrityError, InterfaceError, OperationalError
from psycopg2.errors import LockNotAvailable
from psycopg2.pool import PoolError

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, new_test_user
from odoo.tools import mute_logger
from odoo.tools.safe_eval import safe_eval

from ..engine.connection import BearerToken
from ..engine.errors import ConfigurationError, GatewayError, OAuthError
from ..engine.seal import MASK, is_sealed
from ..models.spp_email_oauth_token import MOST_KEEPS
from .common import GatewayCase, with_key


class Provider:
    """A token endpoint that answers from a list; what it was asked with is kept."""

    def __init__(self, *answers):
        self.answers, self.asked, self.urls = list(answers), [], []

    def __call__(self, url, form, *, timeout, **_more):
        self.urls.append(url)
        self.asked.append(dict(form))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer()
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        return status, json.dumps(body).encode()


def token(name="access-1", refresh=None, seconds=3600):
    found = {"access_token": name, "token_type": "Bearer", "expires_in": seconds}
    return {**found, "refresh_token": refresh} if refresh else found


def refused(word, description=""):
    return 400, {"error": word, "error_description": description}


class OAuthCase(GatewayCase):
    def setUp(self):
        super().setUp()
        key = with_key()
        key.__enter__()
        self.addCleanup(key.__exit__, None, None, None)

    def credential(self, **values):
        values = {"name": "Office", "provider": "microsoft", "client_id": "app", "client_secret": "s3cret", **values}
        return self.env["spp.email.oauth"].create(values)

    def connected(self, *, minutes=60, refresh="refresh-1", **values):
        """Return a credential with an access token for so many minutes."""
        credential = self.credential(**values)
        now = fields.Datetime.now()
        credential.write(
            {
                "access_token": "access-0",
                "refresh_token": refresh,
                "access_until": now + timedelta(minutes=minutes),
                "obtained_date": now - timedelta(hours=1),
                "refresh_date": now,
            }
        )
        return credential

    @contextmanager
    def provider(self, *answers):
        provider = Provider(*answers)
        with self.own_cursors(), patch.object(type(self.env["spp.email.oauth"]), "_post", lambda _self: provider):
            yield provider

    def secret(self, credential, name):
        return credential._fields[name].reveal(credential.sudo())

    def box(self, credential, **values):
        return self.mailbox(
            server="outlook.office365.com", gateway_oauth_id=credential.id, user="box@gateway.test", **values
        )


class TestPresets(OAuthCase):
    def test_the_preset_fills_in_what_the_provider_has(self):
        credential = self.credential()
        self.assertEqual(credential.token_url, "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token")
        self.assertIn("https://outlook.office.com/IMAP.AccessAsUser.All", credential.scopes)
        self.assertIn("smtp.office365.com", credential.mail_hosts)
        self.assertEqual(
            credential._client().token_url, "https://login.microsoftonline.com/organizations/oauth2/v2.0/token"
        )
        credential.grant, credential.tenant = "client", "example.org"
        self.assertEqual(credential.scopes, "https://outlook.office365.com/.default")
        self.assertEqual(
            credential._client().token_url, "https://login.microsoftonline.com/example.org/oauth2/v2.0/token"
        )

    def test_redirect_uris_are_those_of_the_guides(self):
        self.env["ir.config_parameter"].set_param("web.base.url", "https://odoo.example.org")
        for provider, path in (
            ("microsoft", "/microsoft_outlook/confirm"),
            ("google", "/google_gmail/confirm"),
            ("other", "/spp_email_gateway/oauth/confirm"),
        ):
            with self.subTest(provider=provider):
                credential = self.env["spp.email.oauth"].new({"provider": provider})
                self.assertEqual(credential.redirect_uri, f"https://odoo.example.org{path}")
                self.assertFalse(credential.redirect_warning)

    def test_an_address_that_will_not_do_is_named(self):
        for base, words in (
            ("http://odoo.example.org", "begins with http://"),
            ("http://localhost:8069", "an address of this machine only"),
        ):
            self.env["ir.config_parameter"].set_param("web.base.url", base)
            with self.subTest(base=base):
                self.assertIn(words, self.env["spp.email.oauth"].new({"provider": "google"}).redirect_warning)

    def test_another_provider_is_typed_and_stays(self):
        form = Form(self.env["spp.email.oauth"].with_user(self.manager))
        form.name, form.provider, form.client_id = "Own", "google", "app"
        form.provider = "other"
        self.assertEqual((form.token_url, form.scopes, form.mail_hosts, form.refresh_days), (False, False, False, 0))
        form.authorize_url, form.token_url = "https://sso.example.org/auth", "https://sso.example.org/token"
        form.scopes, form.mail_hosts = "mail offline_access", "mail.example.org"
        credential = form.save()
        self.assertEqual(
            (credential.token_url, credential.scopes), ("https://sso.example.org/token", "mail offline_access")
        )

    def test_secrets_only_go_to_https(self):
        for url in ("http://sso.example.org/token", "ftp://sso.example.org", "sso.example.org/token"):
            with self.subTest(url=url), self.assertRaisesRegex(ValidationError, "begins with https://"):
                self.credential(provider="other", token_url=url, scopes="mail")

    def test_google_knows_no_client_credentials(self):
        with self.assertRaisesRegex(ValidationError, "a person has to log in"):
            self.credential(provider="google", grant="client")

    def test_general_settings_lend_their_application(self):
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("google_gmail_client_id", "shared-app")
        parameters.set_param("google_gmail_client_secret", "shared-secret")
        credential = self.credential(provider="google", client_id=False, client_secret=False)
        client = credential._client()
        self.assertEqual((client.client_id, client.client_secret), ("shared-app", "shared-secret"))
        # Whoever may change an address must not get the secret of all.
        for name in ("token_url", "authorize_url", "revoke_url"):
            before = credential[name]
            credential[name] = "https://evil.example/token"
            with self.subTest(name), self.assertRaisesRegex(ConfigurationError, "only given to the provider itself"):
                credential._client()
            credential[name] = before
        self.assertEqual(credential._client(), client)

    def test_what_is_typed_into_general_settings_serves_and_is_never_shown(self):
        settings = self.env["res.config.settings"].with_user(self.system)
        typed = {"google_gmail_client_identifier": "shared-app", "google_gmail_client_secret": "shared-secret"}
        settings.create(typed).execute()
        client = self.credential(provider="google", client_id=False, client_secret=False)._client()
        self.assertEqual((client.client_id, client.client_secret), ("shared-app", "shared-secret"))
        shown = settings.create({}).read(list(typed))[0]
        self.assertEqual([shown[name] for name in typed], ["shared-app", MASK])
        # Saved once more as shown, it stays.
        settings.create({}).execute()
        self.assertEqual(self.credential(provider="google", client_id=False)._client().client_secret, "shared-secret")

    def test_nothing_registered_is_said(self):
        credential = self.credential(client_id=False, client_secret=False)
        with self.assertRaisesRegex(ConfigurationError, "Enter client ID and client secret"):
            credential._client()


class TestSecrets(OAuthCase):
    def test_secrets_are_sealed_and_masked(self):
        credential = self.connected()
        ((secret, access, refresh),) = self.sql(
            "SELECT client_secret, access_token, refresh_token FROM spp_email_oauth WHERE id = %s", credential.id
        )
        self.assertTrue(all(map(is_sealed, (secret, access, refresh))))
        self.assertEqual(credential.with_user(self.manager).read(["client_secret"])[0]["client_secret"], MASK)
        for name in ("access_token", "refresh_token"):
            with self.subTest(name=name), self.assertRaises(AccessError):
                credential.with_user(self.system).read([name])

    def test_another_address_wants_the_secret_again(self):
        credential = self.connected().with_user(self.manager)
        for values in ({"token_url": "https://evil.example/token"}, {"ca_certificate": "x"}, {"provider": "google"}):
            with self.subTest(values=values), self.assertRaisesRegex(UserError, "Enter the client secret again"):
                credential.write(values)
        credential.write({"token_url": "https://sso.example.org/token", "client_secret": "new"})
        self.assertEqual(self.secret(credential, "client_secret"), "new")

    def test_tokens_end_with_what_they_were_given_for(self):
        for values in ({"mail_hosts": "evil.example"}, {"client_id": "other"}, {"tenant": "other.example"}):
            credential = self.connected()
            with self.subTest(values=values):
                credential.with_user(self.manager).write(values)
                self.assertFalse(self.secret(credential, "refresh_token"))
                self.assertEqual((credential.state, credential.is_connected), ("new", False))

    def test_hosts_of_an_application_want_its_secret_again(self):
        credential = self.credential(grant="client", tenant="example.org").with_user(self.manager)
        with self.assertRaisesRegex(UserError, "Enter the client secret again"):
            credential.mail_hosts = "evil.example"

    def test_a_new_name_changes_nothing(self):
        credential = self.connected()
        credential.with_user(self.manager).write({"name": "Renamed", "client_secret": MASK})
        self.assertEqual(self.secret(credential, "refresh_token"), "refresh-1")

    def test_no_token_for_another_server_or_an_unsafe_one(self):
        credential = self.connected()
        for values, words in (
            ({"server": "evil.example"}, "not for this server"),
            ({"gateway_skip_verification": True}, "certificate is verified"),
            ({"is_ssl": False, "gateway_use_starttls": False, "port": 143}, "encrypted connection"),
        ):
            box = self.box(credential)
            box.write(values)
            with self.subTest(values=values), self.own_cursors(), self.assertRaisesRegex(ConfigurationError, words):
                box._credential()


    def test_evaluated_code_gets_none(self):
        credential = self.connected()
        box = self.box(credential)
        for code in ("credential._access_token()", "credential._kept()", "credential._client()", "box._credential()"):
            names = {"credential": credential, "box": box}
            with self.subTest(code=code), self.assertRaisesRegex(Exception, "not given to code of server actions"):
                safe_eval(code, names)
        action = self.env["ir.actions.server"].create(
            {
                "name": "Steal",
                "model_id": self.env["ir.model"]._get("spp.email.oauth").id,
                "state": "code",
                "code": "raise UserError(record._access_token())",
            }
        )
        with self.assertRaisesRegex(UserError, "not given to code of server actions"):
            action.with_context(active_model="spp.email.oauth", active_id=credential.id).run()


class TestTokens(OAuthCase):
    def test_a_token_that_lasts_is_used(self):
        credential = self.connected()
        with self.provider() as provider:
            self.assertEqual(credential._access_token(), "access-0")
        self.assertEqual(provider.asked, [])

    def test_one_that_ends_is_renewed_and_the_new_refresh_token_kept(self):
        credential = self.connected(minutes=1)
        with self.provider(token("access-1", "refresh-2")) as provider:
            self.assertEqual(credential._access_token(), "access-1")
            self.assertEqual(credential._access_token(), "access-1")
        (form,) = provider.asked
        self.assertEqual((form["grant_type"], form["refresh_token"]), ("refresh_token", "refresh-1"))
        self.assertEqual(self.secret(credential, "refresh_token"), "refresh-2")
        self.assertEqual(self.secret(credential, "access_token"), "access-1")

    def test_the_old_refresh_token_stays_where_none_is_given(self):
        credential = self.connected(minutes=1)
        before = credential.refresh_date
        with self.provider(token("access-1")):
            credential._access_token()
        self.assertEqual((self.secret(credential, "refresh_token"), credential.refresh_date), ("refresh-1", before))

    def test_client_credentials_ask_anew(self):
        credential = self.credential(grant="client", tenant="example.org")
        with self.provider(token("app-1"), token("app-2")) as provider:
            self.assertEqual(credential._access_token(), "app-1")
            credential.access_until = fields.Datetime.now()
            self.env.flush_all()
            self.assertEqual(credential._access_token(), "app-2")
        self.assertEqual({form["grant_type"] for form in provider.asked}, {"client_credentials"})

    def test_what_is_not_connected_says_so(self):
        with self.own_cursors(), self.assertRaisesRegex(OAuthError, "not connected yet"):
            self.credential()._access_token()

    def test_a_refused_refresh_token_is_the_end(self):
        credential = self.connected(minutes=1)
        with self.provider(refused("invalid_grant", "AADSTS700082: The refresh token has expired")) as provider:
            for _again in range(2):
                with self.assertRaisesRegex(OAuthError, "not used for too long"):
                    credential._access_token()
        self.assertEqual(len(provider.asked), 1, "a dead one is not asked about again")
        self.assertEqual(credential.state, "dead")
        self.assertIn("AADSTS700082", credential.status_text)
        self.assertIn("Connect the account again.", credential.status_text)

    def test_a_provider_that_is_away_is_asked_again_later(self):
        credential = self.connected(minutes=1)
        with self.provider(GatewayError("The host does not answer.", phase="connect"), token("access-1")) as provider:
            # Not assertRaises: Odoo's rolls back what was committed meanwhile.
            with self.assertRaisesRegex(GatewayError, "does not answer"):
                credential._access_token()
            self.assertEqual(credential.state, "failing")
            with self.assertRaisesRegex(OAuthError, "does not answer") as caught:
                credential._access_token()
            self.assertEqual((caught.exception.code, caught.exception.permanent), ("waiting", False))
            self.assertEqual(len(provider.asked), 1)
            credential.next_renewal_date = fields.Datetime.now()
            self.env.flush_all()
            self.assertEqual(credential._access_token(), "access-1")
        self.assertEqual((credential.state, credential.failures, credential.failure_text), ("new", 0, False))

    def test_a_token_that_comes_too_late_is_left(self):
        credential = self.connected(minutes=1)

        def disconnected_meanwhile():
            credential._drop_tokens()
            return token("late", "late-refresh")

        with self.provider(disconnected_meanwhile):
            credential._access_token()
        self.assertFalse(self.secret(credential, "refresh_token"))
        self.assertEqual(credential.state, "new")

    def test_a_late_refusal_kills_no_new_connection(self):
        credential = self.connected(minutes=1)

        def connected_meanwhile():
            credential.write(
                {
                    "access_token": "fresh",
                    "refresh_token": "fresh-refresh",
                    "access_until": fields.Datetime.now() + timedelta(hours=1),
                    "revision": credential.revision + 1,
                }
            )
            self.env.flush_all()
            return refused("invalid_grant")

        with self.provider(connected_meanwhile):
            self.assertEqual(credential._access_token(), "fresh")
        self.assertNotEqual(credential.state, "dead")

    def test_a_new_secret_revives(self):
        credential = self.connected(minutes=1)
        with self.provider(refused("invalid_client", "AADSTS7000222: expired"), token("access-1")):
            with self.assertRaisesRegex(OAuthError, "client secret has expired"):
                credential._access_token()
            self.assertEqual(credential.state, "dead")
            credential.with_user(self.manager).client_secret = "new"
            self.env.flush_all()
            self.assertEqual(credential._access_token(), "access-1")

    def test_a_refused_token_is_renewed_but_not_in_a_circle(self):
        credential = self.connected()
        with self.provider(token("access-1")) as provider:
            self.assertEqual(credential._access_token(is_refused=True), "access-1")
            self.assertEqual(credential._access_token(is_refused=True), "access-1")
        self.assertEqual(len(provider.asked), 1)

    def test_a_copy_of_the_database_uses_no_refresh_token(self):
        credential = self.connected(minutes=1)
        binding = type(self.env["spp.email.binding"])
        with self.provider() as provider, patch.object(binding, "_held", lambda _self: "may be a copy"):
            with self.assertRaisesRegex(ConfigurationError, "may be a copy"):
                credential._access_token()
        self.assertEqual(provider.asked, [])

    def test_the_job_renews_ahead_and_goes_on_after_a_failure(self):
        first, second = self.connected(minutes=10, name="A"), self.connected(minutes=10, name="B")
        later = self.connected(minutes=50, name="C")
        job = patch.object(type(self.env["ir.cron"]), "_commit_progress", lambda *_args, **_values: 10)
        with self.provider(refused("invalid_grant"), token("access-1")), job:
            self.env["spp.email.oauth"]._cron_renew()
        self.assertEqual((first.state, self.secret(second, "access_token")), ("dead", "access-1"))
        self.assertEqual(self.secret(later, "access_token"), "access-0")


class TestStatus(OAuthCase):
    def health(self):
        with self.own_cursors():
            self.env["spp.email.health"]._check()
        return self.env["spp.email.health"].search([("code", "like", "oauth")])

    def test_valid_is_what_was_used(self):
        credential = self.connected(provider="google", tenant=False)
        self.assertEqual((credential.badge, credential.state), ("Gmail Token Not Valid", "new"))
        self.assertIn("no server has been tried with it yet", credential.status_text)
        with self.own_cursors():
            credential._note_login()
        self.assertEqual((credential.badge, credential.state), ("Gmail Token Valid", "valid"))
        self.assertEqual(self.connected().badge, "Outlook Token Not Valid")

    def test_a_refusal_is_noted_unless_the_token_works_elsewhere(self):
        refusal = GatewayError("The access token was refused.", permanent=True, phase="login", field="token")
        credential = self.connected()
        with self.own_cursors():
            credential._note_refusal(refusal)
            self.assertEqual(credential.state, "failing")
            self.assertIn("The access token was refused.", credential.status_text)
            credential._note_login()
            self.assertEqual((credential.state, credential.failure_text), ("valid", False))
            credential._note_refusal(refusal)
        self.assertEqual(credential.state, "valid", "another mailbox was let in with the same token")

    def test_the_last_token_of_a_dead_one_revives_nothing(self):
        credential = self.connected(minutes=10)
        with self.provider(refused("invalid_grant")), self.assertRaisesRegex(OAuthError, "no longer"):
            credential._access_token(ahead=timedelta(minutes=20))
        with self.own_cursors():
            credential._note_login()
        self.assertEqual(credential.state, "dead")
        self.assertTrue(credential.failure_text)

    def test_another_token_does_not_hide_that_the_server_refuses_them(self):
        refusal = GatewayError("The access token was refused.", permanent=True, phase="login", field="token")
        credential = self.connected()
        with self.own_cursors():
            credential._note_refusal(refusal)
        since = credential.failing_date
        credential.sudo().obtained_date = fields.Datetime.now() - timedelta(hours=1)
        self.env.flush_all()
        with self.provider(token("access-2")):
            credential._access_token(is_refused=True)
        self.assertEqual((credential.state, credential.failing_date), ("failing", since))

    def test_a_dead_one_calls_the_managers_to_reconnect(self):
        credential = self.connected(minutes=1)
        with self.provider(refused("invalid_grant")), self.assertRaisesRegex(OAuthError, "no longer"):
            credential._access_token()
        finding = self.health()
        self.assertEqual((finding.state, finding.oauth_id), ("failure", credential))
        activity = finding.activity_ids.filtered(lambda one: one.user_id == self.manager)
        self.assertIn("Reconnect", activity.note)
        self.assertIn(f"/odoo/email-health/{finding.id}", activity.note)
        with self.own_cursors():
            credential._keep(_engine_token())
            credential._note_login()
        self.assertFalse(self.health())
        self.assertFalse(activity.exists())

    def test_what_will_end_is_said_before(self):
        today = fields.Date.today()
        soon = self.connected(secret_until=today + timedelta(days=20))
        over = self.connected(secret_until=today - timedelta(days=1))
        old = self.connected(refresh_days=90)
        old.refresh_date = fields.Datetime.now() - timedelta(days=80)
        self.connected(secret_until=today + timedelta(days=200))
        found = {finding.code: finding.state for finding in self.health()}
        self.assertEqual(
            found,
            {
                f"oauth_{soon.id}_secret": "warning",
                f"oauth_{over.id}_secret": "failure",
                f"oauth_{old.id}_refresh": "warning",
            },
        )

    def test_a_failure_that_lasts_is_said_one_of_minutes_is_not(self):
        credential = self.connected()
        credential.write({"state": "failing", "failing_date": fields.Datetime.now(), "failure_text": "away"})
        self.assertFalse(self.health())
        credential.failing_date -= timedelta(hours=1)
        self.assertIn("away", self.health().text)


class TestServers(OAuthCase):
    def test_a_mailbox_other_than_the_account(self):
        box = self.box(self.connected(login="ann@gateway.test"))
        with self.own_cursors():
            self.assertEqual(box._credential(), BearerToken("box@gateway.test", "access-0", "XOAUTH2"))

    def test_an_outgoing_server(self):
        credential = self.connected()
        server = self.env["ir.mail_server"].create(
            {
                "name": "Out",
                "smtp_host": "smtp.office365.com",
                "smtp_user": "box@gateway.test",
                "smtp_authentication": "spp_oauth",
                "gateway_oauth_id": credential.id,
            }
        )
        self.assertIn("access token", server.smtp_authentication_info)
        self.assertEqual(server.smtp_authentication, "spp_oauth")
        with self.own_cursors():
            self.assertEqual(server._credential().token, "access-0")
            before = server._gateway_session_key()
            credential.access_token = "access-9"
            self.assertEqual(server._gateway_session_key(), before, "sessions outlive the token they were opened with")
        with self.assertRaisesRegex(ValidationError, "Choose an OAuth credential"):
            server.gateway_oauth_id = False

    def test_nobody_names_a_credential_that_he_cannot_read(self):
        """Also not for a server that leaves him with the same write: rules are asked before it only."""
        foreign = self.connected(company_id=self.other_company.id)
        shared = self.connected(name="Shared")
        box = self.box(shared, company_id=self.company.id)
        server = self.env["ir.mail_server"].create(
            {
                "name": "Out",
                "smtp_host": "smtp.office365.com",
                "smtp_user": "box@gateway.test",
                "smtp_authentication": "spp_oauth",
                "gateway_oauth_id": shared.id,
                "company_id": self.company.id,
            }
        )
        everywhere = new_test_user(
            self.env, "gateway_both", "spp_email_gateway.group_email_gateway_manager", company_id=self.company.id
        )
        everywhere.company_ids += self.other_company
        values = {"gateway_oauth_id": foreign.id, "company_id": self.other_company.id}
        for one in (box, server):
            with self.subTest(model=one._name):
                self.assertEqual(one.with_user(self.manager).name, one.name)
                with mute_logger("odoo.addons.base.models.ir_rule"), self.assertRaises(AccessError):
                    one.with_user(self.manager).write(values)
                    one.flush_recordset()
                one.invalidate_recordset()
                self.assertEqual(one.gateway_oauth_id, shared)
                mine = one.with_user(everywhere).with_context(
                    allowed_company_ids=(self.company + self.other_company).ids
                )
                mine.write(values)
                self.assertEqual((one.gateway_oauth_id, one.company_id), (foreign, self.other_company))

    def test_it_belongs_to_a_company(self):
        credential = self.connected(company_id=self.company.id)
        box = self.box(credential, company_id=self.company.id)
        with self.assertRaises(ValidationError):
            box.company_id = self.other_company
        with self.assertRaises(ValidationError):
            credential.company_id = self.other_company
        self.manager.write({"company_ids": [(6, 0, self.other_company.ids)], "company_id": self.other_company.id})
        found = self.env["spp.email.oauth"].with_user(self.manager).with_company(self.other_company).search([])
        self.assertNotIn(credential, found)

    def test_only_managers(self):
        credential = self.connected()
        for user in (self.plain, self.viewer, self.officer, self.portal):
            for act in ("read", "write", "unlink", "create"):
                with self.subTest(user=user.login, act=act), self.assertRaises(AccessError):
                    credential.with_user(user).check_access(act)
        credential.with_user(self.manager).check_access("write")
        with self.assertRaises(AccessError):
            credential.with_user(self.officer).action_connect()
        with self.assertRaises(AccessError):
            credential.with_user(self.officer).action_disconnect()

    def test_one_in_use_is_not_deleted(self):
        credential = self.connected()
        self.box(credential)
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"):
            credential.unlink()

    def test_servers_of_the_addons_move_over_and_back(self):
        if "google.gmail.mixin" not in self.env:
            self.skipTest("google_gmail is not installed")
        self.env["ir.config_parameter"].set_param("google_gmail_client_id", "shared-app")
        box = self.mailbox(server_type="gmail", server="imap.gmail.com", is_ssl=True)
        with self.assertRaises(UserError):
            box.action_gateway_take_over()
        box.google_gmail_refresh_token = "theirs"
        key = box._gateway_server_key()
        box.with_user(self.manager).action_gateway_take_over()
        credential = box.gateway_oauth_id
        self.assertEqual((box.server_type, box._gateway_server_key()), ("imap", key))
        self.assertEqual((self.secret(credential, "refresh_token"), credential.provider), ("theirs", "google"))
        self.assertFalse(box.google_gmail_refresh_token)
        with self.assertRaises(UserError):
            box.action_gateway_take_over()
        self.env["spp.email.oauth"]._hand_back()
        self.assertEqual((box.server_type, box.gateway_oauth_id.id), ("gmail", False))
        self.assertEqual(box._fields["google_gmail_refresh_token"].reveal(box), "theirs")

    def test_tokens_of_odoos_own_service_stay_there(self):
        if "google.gmail.mixin" not in self.env:
            self.skipTest("google_gmail is not installed")
        self.env["ir.config_parameter"].set_param("google_gmail_client_id", False)
        box = self.mailbox(server_type="gmail", server="imap.gmail.com", is_ssl=True)
        box.google_gmail_refresh_token = "theirs"
        with self.assertRaisesRegex(UserError, "Odoo's own application"):
            box.action_gateway_take_over()

    def test_a_copied_server_logs_in_as_its_original(self):
        credential = self.connected()
        server = self.env["ir.mail_server"].create(
            {
                "name": "Out",
                "smtp_host": "smtp.office365.com",
                "smtp_user": "box@gateway.test",
                "smtp_authentication": "spp_oauth",
                "gateway_oauth_id": credential.id,
            }
        )
        self.assertEqual(server.copy().gateway_oauth_id, credential)

    def test_a_new_token_is_kept_once_the_database_is_back(self):
        """The provider takes the old refresh token no more: what is lost here, a person has to mend."""
        for error in (OperationalError("gone"), PoolError("The Connection Pool Is Full"), InterfaceError("closed")):
            for failures, is_kept in ((1, True), (MOST_KEEPS - 1, True), (MOST_KEEPS, False)):
                credential = self.connected(minutes=-1)
                keep, left = type(credential)._keep, [error] * failures

                def fail(one, *arguments, keep=keep, left=left):  # pylint: disable=dangerous-default-value
                    if left:
                        raise left.pop()
                    return keep(one, *arguments)

                with (
                    self.subTest(error=type(error).__name__, failures=failures),
                    self.provider(token("access-1", "refresh-2")),
                    patch.object(type(credential), "_keep", fail),
                    patch("odoo.addons.spp_email_gateway.models.spp_email_oauth_token.time.sleep") as sleep,
                    mute_logger("odoo.addons.spp_email_gateway.models.spp_email_oauth_token"),
                ):
                    if is_kept:
                        self.assertEqual(credential._access_token(), "access-1")
                    else:
                        with self.assertRaises(type(error)):
                            credential._access_token()
                    self.assertEqual(sleep.call_count, min(failures, MOST_KEEPS - 1))
                credential.invalidate_recordset()
                self.assertEqual(
                    self.secret(credential, "refresh_token"), "refresh-2" if is_kept else "refresh-1"
                )

    def test_a_login_that_cannot_be_noted_leaves_no_session_open(self):
        box = self.box(self.connected())
        session = Mock()

        def locked(_credential):
            raise LockNotAvailable("canceling statement due to lock timeout")

        with patch.object(type(box.gateway_oauth_id), "_note_login", locked), self.assertRaises(LockNotAvailable):
            box._gateway_with_token(lambda: session)
        session.close.assert_called_once_with()

    def test_connected_again_nothing_waits_any_more(self):
        credential = self.connected(provider="other", grant="client", token_url="https://login.example.org/token")
        credential.mail_hosts = "outlook.office365.com, smtp.office365.com"
        later = fields.Datetime.now() + timedelta(hours=2)
        failing = {"gateway_next_fetch_date": later, "gateway_failures": 7}
        box, other = self.box(credential, **failing), self.mailbox(**failing)
        server = self.env["ir.mail_server"].create(
            {
                "name": "Out",
                "smtp_host": "smtp.office365.com",
                "smtp_user": "box@gateway.test",
                "smtp_authentication": "spp_oauth",
                "smtp_encryption": "starttls_strict",
                "gateway_oauth_id": credential.id,
            }
        )
        breakers = self.env["spp.email.breaker"]
        breaker = breakers.create({"server_id": server.id, "state": "open", "failures": 9, "until": later})
        mail = self.env["mail.mail"].create({"email_to": "a@b.c", "state": "outgoing", "scheduled_date": later})
        delivery = self.env["spp.email.delivery"].create(
            {
                "mail_id": mail.id,
                "recipient": "a@b.c",
                "state": "deferred",
                "reason": "no_login",
                "server_id": server.id,
                "next_attempt_date": later,
            }
        )
        self.env.flush_all()
        with self.provider(token("access-1")), patch.object(type(credential), "_gateway_prove_oauth", lambda _self: 1):
            credential.with_user(self.manager).action_connect()
        self.env.invalidate_all()
        self.assertEqual((box.gateway_next_fetch_date, box.gateway_failures), (False, 0))
        self.assertEqual(self.env["spp.email.watch"].search([("is_awaited", "=", True)]).server_id, box)
        self.assertEqual((other.gateway_next_fetch_date, other.gateway_failures), (later.replace(microsecond=0), 7))
        self.assertEqual((breaker.state, breaker.failures), ("closed", 0))
        self.assertEqual((delivery.next_attempt_date, mail.scheduled_date), (False, False))

    def test_disconnect_gives_the_tokens_back(self):
        credential = self.connected(provider="google")
        with self.provider({}) as provider:
            told = credential.with_user(self.manager).action_disconnect()["params"]
        self.assertEqual(told["type"], "success")
        self.assertEqual(provider.urls, ["https://oauth2.googleapis.com/revoke"])
        self.assertEqual(provider.asked[0]["token"], "refresh-1")
        self.assertFalse(credential.is_connected)
        copied = self.connected(provider="google", name="Copied")
        binding = type(self.env["spp.email.binding"])
        with self.provider() as provider, patch.object(binding, "_held", lambda _self: "may be a copy"):
            told = copied.with_user(self.manager).action_disconnect()["params"]
        self.assertIn("may be a copy", told["message"])
        self.assertEqual((provider.asked, copied.is_connected), ([], False))
        microsoft = self.connected()
        with self.provider():
            told = microsoft.with_user(self.manager).action_disconnect()["params"]
        self.assertIn("not revoked at the provider", told["message"])
        self.assertFalse(microsoft.is_connected)


def _engine_token():
    from ..engine.oauth_client import OAuthToken

    return OAuthToken("access-new", "refresh-new", fields.Datetime.now() + timedelta(hours=1))
