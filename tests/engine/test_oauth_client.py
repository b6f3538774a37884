# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import json
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from ...engine.errors import ConfigurationError, GatewayError, OAuthError
from ...engine.oauth_client import (
    OAuthClient,
    OAuthToken,
    authorization_url,
    client_token,
    exchange_code,
    new_verifier,
    refresh_token,
    revoke_token,
)
from .case import EngineCase

NOW = datetime(2026, 5, 1, 12, 0)
SECRET, CODE, VERIFIER = "s3cr3t~+&=\u00e4", "code-4711", "v" * 43
CLIENT = OAuthClient(
    "app",
    SECRET,
    "https://id.test/login?p=1",
    "https://id.test/token",
    "mail.read offline_access",
    "https://odoo.test/confirm",
    revoke_url="https://id.test/revoke",
    parameters={"prompt": "consent"},
)
TOKEN = OAuthToken("old-access", "old-refresh", NOW, "mail.read")
GOOD = {"access_token": "new-access", "refresh_token": "new-refresh", "token_type": "Bearer", "expires_in": 3599}


class Provider:
    """Answers every post with the same, and keeps what was asked."""

    def __init__(self, answer=None, status=200):
        self.answer = GOOD if answer is None else answer
        self.status = status
        self.asked = []

    def __call__(self, url, form, *, timeout, **more):
        self.asked.append((url, dict(form), timeout, more))
        return self.status, self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()


class TestRequests(EngineCase):
    def test_the_login_page(self):
        url = authorization_url(CLIENT, state="s t&", verifier=VERIFIER, login_hint="box@example.test")
        parts = urlsplit(url)
        self.assertEqual((parts.scheme, parts.netloc, parts.path), ("https", "id.test", "/login"))
        self.assertEqual(
            {name: values[0] for name, values in parse_qs(parts.query).items()},
            {
                "p": "1",
                "response_type": "code",
                "client_id": "app",
                "redirect_uri": "https://odoo.test/confirm",
                "scope": "mail.read offline_access",
                "state": "s t&",
                "code_challenge": create_s256_code_challenge(VERIFIER),
                "code_challenge_method": "S256",
                "login_hint": "box@example.test",
                "prompt": "consent",
            },
        )
        self.assertNotIn("login_hint", authorization_url(CLIENT, state="s", verifier=VERIFIER))

    def test_the_challenge_is_that_of_rfc_7636(self):
        # RFC 7636 appendix B
        url = authorization_url(CLIENT, state="s", verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        self.assertIn("code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", url)

    def test_a_verifier(self):
        verifier = new_verifier(lambda count: b"\xff" * count)
        self.assertRegex(verifier, r"^[A-Za-z0-9._~-]{43,128}$")
        self.assertNotEqual(verifier, new_verifier(bytes))

    def test_what_is_posted(self):
        proof = {"client_id": "app", "client_secret": SECRET}
        for name, act, form in (
            (
                "code",
                lambda post: exchange_code(CLIENT, CODE, VERIFIER, post=post, now=NOW),
                {
                    "grant_type": "authorization_code",
                    "code": CODE,
                    "code_verifier": VERIFIER,
                    "redirect_uri": "https://odoo.test/confirm",
                },
            ),
            (
                "refresh",
                lambda post: refresh_token(CLIENT, TOKEN, post=post, now=NOW),
                {"grant_type": "refresh_token", "refresh_token": "old-refresh"},
            ),
            (
                "client",
                lambda post: client_token(CLIENT, post=post, now=NOW),
                {"grant_type": "client_credentials", "scope": "mail.read offline_access"},
            ),
        ):
            with self.subTest(name):
                provider = Provider()
                token = act(provider)
                self.assertEqual(provider.asked, [("https://id.test/token", {**form, **proof}, 20.0, {})])
                self.assertEqual((token.access_token, token.refresh_token), ("new-access", "new-refresh"))
                self.assertEqual(token.expires, NOW + timedelta(seconds=3599))

    def test_how_the_application_proves_itself(self):
        for authentication, secret, more, has_secret in (
            ("post", "hush", {}, True),
            ("basic", "hush", {"authorization": "Basic YXBwOmh1c2g="}, False),
            ("none", "hush", {}, False),
            ("post", "", {}, False),
        ):
            with self.subTest(authentication, secret=secret):
                provider = Provider()
                client = replace(CLIENT, authentication=authentication, client_secret=secret)
                client_token(client, post=provider, now=NOW)
                _url, form, _timeout, said = provider.asked[0]
                self.assertEqual((said, "client_secret" in form), (more, has_secret))

    def test_revocation(self):
        provider = Provider(b"")
        self.assertTrue(revoke_token(CLIENT, TOKEN, post=provider))
        url, form, _timeout, _more = provider.asked[0]
        self.assertEqual((url, form["token"]), ("https://id.test/revoke", "old-refresh"))
        self.assertFalse(revoke_token(CLIENT, TOKEN, post=Provider({"error": "unsupported_token_type"}, 400)))
        self.assertFalse(revoke_token(replace(CLIENT, revoke_url=""), TOKEN, post=None))

    def test_what_is_missing(self):
        for field, act in (
            ("token_url", lambda client: client_token(client, post=None, now=NOW)),
            ("client_id", lambda client: client_token(client, post=None, now=NOW)),
            ("authorize_url", lambda client: authorization_url(client, state="s", verifier=VERIFIER)),
            ("scopes", lambda client: authorization_url(client, state="s", verifier=VERIFIER)),
        ):
            with self.subTest(field), self.assertRaises(ConfigurationError) as caught:
                act(replace(CLIENT, **{field: ""}))
            self.assertEqual(caught.exception.field, field)

    def test_a_provider_that_cannot_be_reached(self):
        def post(url, form, *, timeout):
            raise GatewayError("The connection broke.", phase="fetch")

        with self.assertRaises(GatewayError) as caught:
            client_token(CLIENT, post=post, now=NOW)
        self.assertEqual((caught.exception.phase, caught.exception.permanent), ("fetch", False))


class TestTokens(EngineCase):
    def refused(self, act, *arguments, **options):
        with self.assertRaises(OAuthError) as caught:
            act(*arguments, **options)
        return caught.exception

    def test_rotation(self):
        for answer, refresh in (
            (GOOD, "new-refresh"),
            ({**GOOD, "refresh_token": None}, "old-refresh"),
            ({**GOOD, "refresh_token": ""}, "old-refresh"),
            ({name: GOOD[name] for name in GOOD if name != "refresh_token"}, "old-refresh"),
        ):
            with self.subTest(answer):
                token = refresh_token(CLIENT, TOKEN, post=Provider(answer), now=NOW)
                self.assertEqual((token.refresh_token, token.scopes), (refresh, "mail.read"))

    def test_nothing_to_refresh_with(self):
        error = self.refused(refresh_token, CLIENT, replace(TOKEN, refresh_token=""), post=None, now=NOW)
        self.assertEqual((error.code, error.remedy, error.permanent), ("no_refresh_token", "reconnect", True))

    def test_no_code(self):
        error = self.refused(exchange_code, CLIENT, "", VERIFIER, post=None, now=NOW)
        self.assertEqual((error.code, error.remedy), ("missing_code", "reconnect"))

    def test_a_login_without_a_refresh_token(self):
        answer = {name: GOOD[name] for name in GOOD if name != "refresh_token"}
        error = self.refused(exchange_code, CLIENT, CODE, VERIFIER, post=Provider(answer), now=NOW)
        self.assertEqual((error.code, error.field, error.permanent), ("no_refresh_token", "scopes", True))
        self.assertIn("the connection would end within the hour", str(error))
        self.assertEqual(client_token(CLIENT, post=Provider(answer), now=NOW).refresh_token, "")

    def test_scopes_that_were_not_allowed(self):
        for wanted, granted, missing in (
            ("a b", "a b", ""),
            ("a b", "b A c", ""),
            ("a b", "a", "b"),
            ("a b", None, ""),
            ("a offline_access openid email profile", "a", ""),
            ("https://mail.google.com/", "https://mail.google.com/", ""),
            ("https://mail.google.com/", "openid", "https://mail.google.com/"),
            ("https://outlook.office.com/SMTP.Send", "https://outlook.office365.com/SMTP.Send", ""),
            ("https://outlook.office365.com/.default", "x", ""),
        ):
            with self.subTest(wanted=wanted, granted=granted):
                client, provider = replace(CLIENT, scopes=wanted), Provider({**GOOD, "scope": granted})
                if not missing:
                    exchange_code(client, CODE, VERIFIER, post=provider, now=NOW)
                    continue
                error = self.refused(exchange_code, client, CODE, VERIFIER, post=provider, now=NOW)
                self.assertEqual((error.code, error.detail), ("scope_missing", f"Missing: {missing}"))

    def test_no_secret_is_shown(self):
        words = f"bad {SECRET} and {CODE} and {VERIFIER}"
        provider = Provider({"error": "invalid_grant", "error_description": words}, 400)
        error = self.refused(exchange_code, CLIENT, CODE, VERIFIER, post=provider, now=NOW)
        self.assertEqual(error.detail, "bad *** and *** and ***")
        self.assertIsNone(error.__cause__)
        provider = Provider({"error": "old-refresh", "error_description": "old-access"}, 400)
        error = self.refused(refresh_token, CLIENT, TOKEN, post=provider, now=NOW)
        self.assertEqual((error.code, error.detail), ("***", "***"))
        shown = repr(CLIENT) + repr(TOKEN)
        for secret in (SECRET, "old-refresh", "old-access"):
            self.assertNotIn(secret, shown)
