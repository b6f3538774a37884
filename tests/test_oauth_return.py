# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What comes back from a provider: what this user began in this session, once, in time; each addon gets its own."""

import time
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

from odoo.http import root
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from ..models import spp_email_oauth_authorization as authorization
from .test_oauth import OAuthCase, Provider, refused, token

PATHS = {
    "other": "/spp_email_gateway/oauth/confirm",
    "google": "/google_gmail/confirm",
    "microsoft": "/microsoft_outlook/confirm",
}
CONTROLLER = "odoo.addons.spp_email_gateway.controllers.oauth"


@tagged("-at_install", "post_install")
class TestReturn(OAuthCase, HttpCase):
    def setUp(self):
        super().setUp()
        self.env["ir.config_parameter"].set_param("web.base.url", self.base_url())
        self.manager.password = "gateway_manager"
        self.authenticate("gateway_manager", "gateway_manager")
        quiet = mute_logger(CONTROLLER, "odoo.addons.google_gmail.controllers.main")
        quiet.__enter__()
        self.addCleanup(quiet.__exit__, None, None, None)

    def begin(self, credential, origin=None):
        """Press Connect; return the parameters of the provider's login page."""
        answer = self.opener.post(
            f"{self.base_url()}/web/dataset/call_button/spp.email.oauth/action_connect",
            json={
                "params": {
                    "model": "spp.email.oauth",
                    "method": "action_connect",
                    "args": [credential.ids],
                    "kwargs": {},
                }
            },
            headers={"Origin": origin or self.base_url()},
        ).json()
        if "error" in answer:
            return answer["error"]["data"]["message"]
        url = urlsplit(answer["result"]["url"])
        return {name: values[0] for name, values in parse_qs(url.query).items()}

    def come_back(self, provider="other", answers=(), **parameters):
        """Open the return's address as the browser does; return (status, text, where it leads)."""
        asked = Provider(*answers)
        with patch.object(type(self.env["spp.email.oauth"]), "_post", lambda _self: asked):
            query = "&".join(f"{name}={value}" for name, value in parameters.items())
            answer = self.url_open(f"{PATHS[provider]}?{query}", allow_redirects=False)
        self.env.invalidate_all()
        return answer.status_code, answer.text, answer.headers.get("Location", "")

    def other(self, provider="other", **values):
        return self.credential(
            provider=provider,
            scopes="mail",
            authorize_url="https://sso.example.org/auth",
            token_url="https://sso.example.org/token",
            mail_hosts="mail.example.org",
            **values,
        )

    def test_there_and_back(self):
        for provider in PATHS:
            with self.subTest(provider=provider):
                credential = self.other(provider)
                asked = self.begin(credential)
                self.assertEqual(asked["code_challenge_method"], "S256")
                self.assertTrue(asked["redirect_uri"].endswith(PATHS[provider]))
                status, _text, where = self.come_back(
                    provider, [token("access-1", "refresh-1")], code="c0de", state=asked["state"]
                )
                self.assertEqual(status, 303)
                self.assertTrue(where.endswith(f"/odoo/email-oauth/{credential.id}"), where)
                self.assertEqual(self.secret(credential, "refresh_token"), "refresh-1")

    def assertOver(self, outcome):
        status, text, _where = outcome
        self.assertEqual(status, 400)
        self.assertIn("was not begun in this browser session", text)
        self.assertIn("press Connect again", text)

    def test_a_state_counts_once(self):
        credential = self.other()
        state = self.begin(credential)["state"]
        answers = [token("access-1", "refresh-1"), token("access-2", "refresh-2")]
        self.come_back(answers=answers, code="c0de", state=state)
        self.assertOver(self.come_back(answers=answers, code="c0de", state=state))
        self.assertEqual(self.secret(credential, "refresh_token"), "refresh-1")

    def test_a_state_counts_for_a_while(self):
        state = self.begin(self.other())["state"]
        late = time.time() + authorization.SECONDS + 1
        with patch.object(authorization.time, "time", lambda: late):
            self.assertOver(self.come_back(code="c0de", state=state))

    def test_a_state_of_another_session_or_of_nobody(self):
        credential = self.other()
        state = self.begin(credential)["state"]
        self.authenticate("gateway_manager", "gateway_manager")
        self.assertOver(self.come_back(code="c0de", state=state))
        self.assertOver(self.come_back(code="c0de", state="spp-made-up"))
        self.assertOver(self.come_back(code="c0de"))
        self.assertFalse(self.secret(credential, "refresh_token"))

    def test_the_state_itself_is_not_kept(self):
        state = self.begin(self.other())["state"]
        kept = root.session_store.get(self.session.sid)
        self.assertEqual(len(kept[authorization.SESSION_KEY]), 1)
        self.assertNotIn(state, repr(dict(kept)))

    def test_only_the_last_ones_wait(self):
        credential = self.other()
        states = [self.begin(credential)["state"] for _number in range(authorization.MOST_PENDING + 1)]
        self.assertOver(self.come_back(code="c0de", state=states[0]))
        status, _text, _where = self.come_back(answers=[token("a", "r")], code="c0de", state=states[-1])
        self.assertEqual(status, 303)

    def test_the_providers_own_words(self):
        for answers, parameters, words in (
            ([], {"error": "access_denied", "error_description": "The user denied."}, "The user denied."),
            ([refused("invalid_client", "AADSTS7000215: Invalid client secret")], {"code": "x"}, "AADSTS7000215"),
            ([token("access-1")], {"code": "x"}, "no refresh token"),
            ([{**token("a", "r"), "scope": "else"}], {"code": "x"}, "did not allow all that was asked for"),
            ([], {}, "without a code"),
        ):
            with self.subTest(words=words):
                credential = self.other()
                state = self.begin(credential)["state"]
                status, text, _where = self.come_back(answers=answers, state=state, **parameters)
                self.assertEqual(status, 400)
                self.assertIn(words, text)
                self.assertEqual(credential.state, "new")

    def test_a_description_is_shown_as_text(self):
        state = self.begin(self.other())["state"]
        _status, text, _where = self.come_back(
            state=state, error="server_error", error_description="%3Cscript%3Ealert(1)%3C/script%3E"
        )
        self.assertNotIn("<script>alert", text)

    def test_another_address_is_refused_before(self):
        told = self.begin(self.other(), origin="https://elsewhere.example.org")
        self.assertIn("https://elsewhere.example.org", told)

    def test_who_is_not_logged_in_is_sent_to_the_login(self):
        state = self.begin(self.other())["state"]
        self.logout(keep_db=False)
        status, _text, where = self.come_back(code="c0de", state=state)
        self.assertEqual(status, 303)
        self.assertIn("/web/login", where)

    def test_who_is_no_manager_any_more(self):
        credential = self.other()
        state = self.begin(credential)["state"]
        self.manager.group_ids = self.env.ref("base.group_user")
        status, text, _where = self.come_back(answers=[token("a", "r")], code="c0de", state=state)
        self.assertEqual(status, 403)
        self.assertIn("You may not connect", text)
        self.assertFalse(self.secret(credential, "refresh_token"))

    def test_odoos_own_addons_get_theirs(self):
        if "google.gmail.mixin" not in self.env:
            self.skipTest("google_gmail is not installed")
        from odoo.addons.google_gmail.controllers.main import GoogleGmailController

        seen = []
        with patch.object(GoogleGmailController, "_get_gmail_record", side_effect=AssertionError):
            # Their own refusal comes in words.
            status, text, _where = self.come_back("google", code="c0de", state="nonsense")
        self.assertEqual(status, 403)
        self.assertIn("connect the account again", text)
        with patch.object(GoogleGmailController, "_get_gmail_record", lambda _self, *args: seen.append(args) or 1 / 0):
            with mute_logger("odoo.http"):
                state = "%7B%22model%22:%22ir.mail_server%22,%22id%22:7,%22csrf_token%22:%22t%22%7D"
                self.come_back("google", code="c0de", state=state)
        self.assertEqual(seen, [("ir.mail_server", 7, "t")])
