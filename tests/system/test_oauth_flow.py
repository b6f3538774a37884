# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The engine's OAuth client with a provider: consent, codes with PKCE, renewal, rotation, revocation, every error."""

from __future__ import annotations

import re
import time
from dataclasses import replace

from ...engine.errors import GatewayError, OAuthError
from ...engine.oauth_client import (
    authorization_refusal,
    authorization_url,
    client_token,
    exchange_code,
    new_verifier,
    refresh_token,
    revoke_token,
)
from ...engine.oauth_provider import OAUTH_PROVIDERS
from ...engine.web_post import post
from .oauth import ALICE, OAuthCase, now
from .oauth_visitor import OAuthVisitor

REDIRECT = "https://odoo.example.test/spp_email_gateway/oauth/confirm"


class FlowCase(OAuthCase):
    def setUp(self):
        super().setUp()
        for name, value in (("access_seconds", 3600), ("refresh_seconds", 86400), ("code_seconds", 60)):
            setattr(self.provider, name, value)
        self.provider.rotates = True
        self.provider.asked.clear()
        self.browser = OAuthVisitor(self.provider)
        self.verifier = new_verifier(lambda count: bytes(range(count)))

    def client(self, **options):
        client = OAUTH_PROVIDERS["other"].client(
            "application",
            "application-secret",
            REDIRECT,
            scopes="mail offline_access",
            authorize_url=self.provider.authorize_url,
            token_url=self.provider.token_url,
        )
        return replace(client, revoke_url=self.provider.revoke_url, **options)

    def code(self, client, **options):
        url = authorization_url(client, state="state-1", verifier=self.verifier, login_hint=ALICE)
        back = self.browser.log_in(url, **options)
        self.assertEqual(back.get("state"), "state-1")
        return back

    def connect(self, client):
        code = self.code(client)["code"]
        return exchange_code(client, code, self.verifier, post=self.post, now=now())

    def oauth_refusal(self, act, *arguments, **options):
        with self.assertRaises(OAuthError) as caught:
            act(*arguments, post=self.post, now=now(), **options)
        error = caught.exception
        self.assertNotIn("application-secret", f"{error}{error.detail}{error.cure}")
        return error


class TestFlow(FlowCase):
    def test_login_consent_code_tokens(self):
        client = self.client()
        before = now()
        token = self.connect(client)
        self.assertEqual(self.provider.introspect(token.access_token)["username"], ALICE)
        self.assertEqual(token.scopes, "mail offline_access")
        self.assertAlmostEqual((token.expires - before).total_seconds(), 3600, delta=5)
        ((path, form),) = self.provider.asked
        self.assertEqual((path, form["grant_type"], form["redirect_uri"]), ("/token", "authorization_code", REDIRECT))

    def test_how_the_application_proves_itself(self):
        for authentication in ("post", "basic"):
            with self.subTest(authentication):
                self.assertTrue(self.connect(self.client(authentication=authentication)).access_token)

    def test_without_a_secret(self):
        self.provider.applications["public"] = ""
        client = self.client(client_id="public", client_secret="")
        self.assertTrue(self.connect(client).refresh_token)
        error = self.oauth_refusal(client_token, client)
        self.assertEqual((error.code, error.field), ("unauthorized_client", "client_id"))

    def test_a_person_who_declines(self):
        error = authorization_refusal(self.code(self.client(), button="deny"))
        self.assertEqual((error.code, error.remedy), ("access_denied", "reconnect"))
        self.assertEqual(error.detail, "The user denied the request.")

    def test_a_wrong_password_leads_nowhere(self):
        url = authorization_url(self.client(), state="s", verifier=self.verifier)
        self.assertIsNone(self.browser.log_in(url, password="wrong"))

    def test_a_scope_that_was_unticked(self):
        code = self.code(self.client(), without=("s_mail",))["code"]
        error = self.oauth_refusal(exchange_code, self.client(), code, self.verifier)
        self.assertEqual((error.code, error.detail, error.remedy), ("scope_missing", "Missing: mail", "reconnect"))

    def test_codes(self):
        client = self.client()
        error = self.oauth_refusal(exchange_code, client, self.code(client)["code"], "x" * 43)
        self.assertIn("The login was begun somewhere else", str(error))
        code = self.code(client)["code"]
        elsewhere = replace(client, redirect_uri="https://elsewhere.test/")
        error = self.oauth_refusal(exchange_code, elsewhere, code, self.verifier)
        self.assertEqual(error.field, "redirect_uri")
        code = self.code(client)["code"]
        token = exchange_code(client, code, self.verifier, post=self.post, now=now())
        error = self.oauth_refusal(exchange_code, client, code, self.verifier)
        self.assertIn("The code from the login page has expired or was used before.", str(error))
        # RFC 6749 §4.1.2: what the code gave before is gone too.
        self.assertFalse(self.provider.introspect(token.access_token)["active"])
        self.provider.code_seconds = -1
        error = self.oauth_refusal(exchange_code, client, self.code(client)["code"], self.verifier)
        self.assertIn("The code from the login page has expired or was used before.", str(error))
        error = self.oauth_refusal(exchange_code, client, "made-up", self.verifier)
        self.assertEqual((error.code, error.detail), ("invalid_grant", "Malformed auth code."))

    def test_a_login_page_without_a_challenge_is_refused(self):
        url = authorization_url(self.client(), state="s", verifier=self.verifier)
        url = re.sub(r"&code_challenge=[^&]*", "", url)
        _page, back = self.browser.open(url)
        self.assertEqual(authorization_refusal(back).code, "invalid_request")

    def test_what_is_wrong_with_the_application_is_shown_at_the_provider(self):
        self.provider.redirect_uris = {"https://elsewhere.test/"}
        self.addCleanup(self.provider.redirect_uris.clear)
        page, _back = self.browser.open(authorization_url(self.client(), state="s", verifier=self.verifier))
        self.assertIn("redirect_uri_mismatch", page)
        client = self.client(client_id="unknown")
        page, _back = self.browser.open(authorization_url(client, state="s", verifier=self.verifier))
        self.assertIn("invalid_client", page)


class TestRenewal(FlowCase):
    def test_rotation(self):
        client = self.client()
        first = self.connect(client)
        second = refresh_token(client, first, post=self.post, now=now())
        self.assertNotEqual(first.refresh_token, second.refresh_token)
        third = refresh_token(client, second, post=self.post, now=now())
        self.assertTrue(self.provider.introspect(third.access_token)["active"])
        # A rotated token that comes again was stolen: all that came of that login ends (RFC 9700 §4.14.2).
        error = self.oauth_refusal(refresh_token, client, first)
        self.assertEqual((error.code, error.remedy), ("invalid_grant", "reconnect"))
        self.assertFalse(self.provider.introspect(third.access_token)["active"])
        self.assertEqual(self.oauth_refusal(refresh_token, client, third).remedy, "reconnect")

    def test_without_rotation(self):
        client = self.client()
        self.provider.rotates = False
        first = self.connect(client)
        second = refresh_token(client, first, post=self.post, now=now())
        self.assertEqual(first.refresh_token, second.refresh_token)
        self.assertNotEqual(first.access_token, second.access_token)

    def test_short_lives(self):
        self.provider.access_seconds = 1
        client = self.client()
        token = self.connect(client)
        time.sleep(1.1)
        self.assertFalse(self.provider.introspect(token.access_token)["active"])
        self.assertLess(token.expires, now())
        token = refresh_token(client, token, post=self.post, now=now())
        self.assertTrue(self.provider.introspect(token.access_token)["active"])

    def test_refresh_tokens_that_have_ended(self):
        client = self.client()
        for end in (
            lambda token: self.provider.expire(token.refresh_token),
            lambda token: self.provider.revoke(token.access_token),
            lambda token: revoke_token(client, token, post=self.post),
        ):
            token = self.connect(client)
            end(token)
            error = self.oauth_refusal(refresh_token, client, token)
            self.assertEqual(str(error), "The refresh token has expired or was revoked.")
            self.assertEqual((error.permanent, error.remedy, error.field), (True, "reconnect", "token"))

    def test_given_back(self):
        client = self.client()
        token = self.connect(client)
        self.assertTrue(revoke_token(client, token, post=self.post))
        self.assertFalse(self.provider.introspect(token.access_token)["active"])

    def test_the_application_alone(self):
        token = client_token(self.client(), post=self.post, now=now())
        self.assertEqual((token.refresh_token, token.scopes), ("", "mail offline_access"))
        self.assertTrue(self.provider.introspect(token.access_token)["active"])


class TestFailures(FlowCase):
    def test_wrong_client(self):
        for options, field in (
            ({"client_secret": "wrong"}, "client_secret"),
            ({"client_id": "unknown"}, "client_id"),
        ):
            with self.subTest(field):
                error = self.oauth_refusal(client_token, self.client(**options))
                self.assertEqual((error.code, error.field, error.permanent), ("invalid_client", field, True))

    def test_refusals_of_the_token_endpoint(self):
        for error, description, more, text, remedy in (
            ("invalid_client", "AADSTS7000215: Invalid client secret", {}, "The client secret is wrong.", "settings"),
            ("invalid_client", "AADSTS7000222: expired", {}, "The client secret has expired.", "settings"),
            ("invalid_client", "", {"error_codes": [7000222]}, "The client secret has expired.", "settings"),
            ("unauthorized_client", "AADSTS700016: not found", {}, "The provider does not know this", "settings"),
            ("invalid_request", "AADSTS90002: Tenant not found", {}, "Microsoft knows no such tenant.", "settings"),
            ("invalid_grant", "AADSTS65001: no consent", {}, "Nobody has consented yet", "reconnect"),
            ("invalid_grant", "AADSTS53003: blocked", {}, "A conditional access policy", "settings"),
            ("invalid_grant", "AADSTS700082: inactive", {}, "The refresh token has expired, since", "reconnect"),
            ("invalid_grant", "Token has been expired or revoked.", {}, "The refresh token has expired", "reconnect"),
            ("interaction_required", "", {}, "The provider wants a person to log in again", "reconnect"),
            ("temporarily_unavailable", "", {}, "The provider cannot answer at the moment.", "wait"),
            ("slow_down", "", {}, "The provider cannot answer at the moment.", "wait"),
        ):
            with self.subTest(f"{error} {description}"):
                self.provider.fail("/token", error, description, **more)
                refusal = self.oauth_refusal(client_token, self.client())
                self.assertTrue(str(refusal).startswith(text), str(refusal))
                self.assertEqual((refusal.remedy, refusal.permanent), (remedy, remedy != "wait"))
                self.assertTrue(refusal.cure)
        self.assertTrue(client_token(self.client(), post=self.post, now=now()).access_token)

    def test_refusals_of_the_login_page(self):
        for error, description, remedy in (
            ("access_denied", "", "reconnect"),
            ("server_error", "", "wait"),
            ("invalid_scope", "", "settings"),
            ("consent_required", "AADSTS65001: no", "reconnect"),
            ("access_denied", "AADSTS50105: not assigned", "settings"),
        ):
            with self.subTest(f"{error} {description}"):
                self.provider.fail("/authorize", error, description)
                refusal = authorization_refusal(self.code(self.client()))
                self.assertEqual((refusal.code, refusal.detail, refusal.remedy), (error, description, remedy))

    def test_answers_that_are_none(self):
        for body, status, kind, text in (
            (b"oops", 200, "application/json", "The address for tokens answered with nothing that can be read"),
            (b"<html>Log in</html>", 200, "text/html", "The address for tokens answered with a web page (HTTP 200)."),
            (b"<html>", 404, "text/html", "The address for tokens answered with a web page (HTTP 404)."),
            (b"<html>Bad gateway</html>", 502, "text/html", "The provider cannot answer at the moment."),
            (
                b'{"access_token":"a","token_type":"mac"}',
                200,
                "application/json",
                "The provider's answer makes no sense",
            ),
            (
                b'{"access_token":"a","token_type":"Bearer","expires_in":-1}',
                200,
                "application/json",
                "The provider's answer makes no sense: the token had ended before it was given.",
            ),
        ):
            with self.subTest(body):
                self.provider.answer("/token", body, status=status, kind=kind)
                self.assertTrue(str(self.oauth_refusal(client_token, self.client())).startswith(text))

    def test_a_huge_answer(self):
        self.provider.answer("/token", b" " * 300 * 1024)
        with self.assertRaises(GatewayError) as caught:
            client_token(self.client(), post=self.post, now=now())
        self.assertEqual(str(caught.exception), "The web server's answer is too large.")

    def test_a_provider_that_is_not_trusted(self):
        with self.assertRaises(GatewayError) as caught:
            client_token(self.client(), post=post, now=now())
        self.assertEqual((caught.exception.phase, caught.exception.field), ("tls", "certificate"))
        self.assertEqual(self.provider.asked, [])

    def test_nobody_there(self):
        client = self.client(token_url="https://localhost:1/token")
        with self.assertRaises(GatewayError) as caught:
            client_token(client, post=self.post, now=now())
        self.assertEqual((caught.exception.phase, caught.exception.permanent), ("connect", False))
