# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.oauth_microsoft import NUMBERS
from ...engine.oauth_refusal import authorization_refusal, refusal, token_refusal
from ...engine.oauth_words import WORDS
from .case import EngineCase

# error, error_description: the beginning of the words, the setting at fault, who can help
WORD_CASES = (
    ("invalid_request", "", "The provider finds something missing", "", "settings"),
    ("invalid_client", "", "Client ID or client secret is wrong.", "client_secret", "settings"),
    (
        "invalid_client",
        "The OAuth client was not found.",
        "Google does not know this client ID.",
        "client_id",
        "settings",
    ),
    (
        "invalid_client",
        "The provided client secret is invalid.",
        "Client ID or client secret",
        "client_secret",
        "settings",
    ),
    ("invalid_grant", "", "The provider no longer accepts what it gave", "token", "reconnect"),
    ("invalid_grant", "Token has been expired or revoked.", "The refresh token has expired or", "token", "reconnect"),
    ("invalid_grant", "Malformed auth code.", "The code from the login page has expired", "token", "reconnect"),
    ("invalid_grant", "Authorization code is expired.", "The code from the login page has", "token", "reconnect"),
    ("invalid_grant", "code was already used", "The code from the login page has expired", "token", "reconnect"),
    ("invalid_grant", "PKCE verification failed", "The login was begun somewhere else", "token", "reconnect"),
    ("invalid_grant", "Missing code verifier.", "The login was begun somewhere else", "token", "reconnect"),
    ("invalid_grant", "redirect_uri does not match", "The redirect URI is not registered", "redirect_uri", "settings"),
    ("unauthorized_client", "", "The application may not log in this way.", "client_id", "settings"),
    ("unsupported_grant_type", "", "The provider does not know this kind of login", "token_url", "settings"),
    ("unsupported_response_type", "", "The provider gives no codes", "authorize_url", "settings"),
    ("invalid_scope", "", "The provider does not know one of the scopes", "scopes", "settings"),
    ("insufficient_scope", "", "The provider does not know one of the scopes", "scopes", "settings"),
    ("invalid_resource", "", "The tenant has no such service", "scopes", "settings"),
    ("invalid_target", "", "The tenant has no such service", "scopes", "settings"),
    ("access_denied", "", "The request was declined at the provider.", "", "reconnect"),
    ("access_denied", "The admin has not consented", "An administrator has to allow", "scopes", "reconnect"),
    ("consent_required", "", "Nobody has consented yet", "scopes", "reconnect"),
    ("interaction_required", "", "The provider wants a person to log in again", "", "reconnect"),
    ("login_required", "", "The provider wants a person to log in again", "", "reconnect"),
    ("account_selection_required", "", "The provider wants a person to log in again", "", "reconnect"),
    ("invalid_token", "", "The provider no longer accepts what it gave", "token", "reconnect"),
    ("expired_token", "", "The provider no longer accepts what it gave", "token", "reconnect"),
    ("server_error", "", "The provider cannot answer at the moment.", "", "wait"),
    ("temporarily_unavailable", "", "The provider cannot answer at the moment.", "", "wait"),
    ("slow_down", "", "The provider cannot answer at the moment.", "", "wait"),
    ("rate_limit_exceeded", "", "The provider cannot answer at the moment.", "", "wait"),
    ("internal_failure", "", "The provider cannot answer at the moment.", "", "wait"),
    ("redirect_uri_mismatch", "", "The redirect URI is not registered", "redirect_uri", "settings"),
    ("deleted_client", "", "The application was deleted at the provider.", "client_id", "settings"),
    ("disabled_client", "", "The application was switched off at the provider.", "client_id", "settings"),
    ("org_internal", "", "The application is for accounts of its own Google", "user", "reconnect"),
    ("admin_policy_enforced", "", "The organization's administrator does not allow", "client_id", "settings"),
    ("weird_word", "", "The provider refused (weird_word).", "", "settings"),
)

# AADSTS: as above
NUMBER_CASES = (
    ("7000215", "The client secret is wrong.", "client_secret", "settings"),
    ("7000222", "The client secret has expired.", "client_secret", "settings"),
    ("7000218", "The application must prove itself", "client_secret", "settings"),
    ("700025", "The application is registered as a public one", "client_secret", "settings"),
    ("7000112", "The application was switched off", "client_id", "settings"),
    ("700016", "The provider does not know this client ID", "client_id", "settings"),
    ("90002", "Microsoft knows no such tenant.", "tenant", "settings"),
    ("900023", "Microsoft knows no such tenant.", "tenant", "settings"),
    ("50020", "The account that logged in does not belong", "tenant", "reconnect"),
    ("50034", "There is no such account in this tenant.", "tenant", "reconnect"),
    ("50194", "The application is for one organization only", "tenant", "settings"),
    ("50011", "The redirect URI is not registered", "redirect_uri", "settings"),
    ("500113", "The redirect URI is not registered", "redirect_uri", "settings"),
    ("65001", "Nobody has consented yet", "scopes", "reconnect"),
    ("65004", "The request was declined", "", "reconnect"),
    ("90094", "An administrator has to allow", "scopes", "reconnect"),
    ("50105", "The account is not assigned", "user", "settings"),
    ("53000", "A conditional access policy", "user", "settings"),
    ("53001", "A conditional access policy", "user", "settings"),
    ("53003", "A conditional access policy", "user", "settings"),
    ("530003", "A conditional access policy", "user", "settings"),
    ("50074", "The provider wants a person to log in again", "", "reconnect"),
    ("50076", "The provider wants a person to log in again", "", "reconnect"),
    ("50078", "The provider wants a person to log in again", "", "reconnect"),
    ("50079", "The provider wants a person to log in again", "", "reconnect"),
    ("50158", "The provider wants a person to log in again", "", "reconnect"),
    ("70043", "The refresh token has expired: a policy", "token", "reconnect"),
    ("70008", "The refresh token has expired, since it was not used", "token", "reconnect"),
    ("700082", "The refresh token has expired, since it was not used", "token", "reconnect"),
    ("700084", "The refresh token has expired, since it was not used", "token", "reconnect"),
    ("50132", "The access was revoked", "token", "reconnect"),
    ("50133", "The access was revoked", "token", "reconnect"),
    ("50173", "The access was revoked", "token", "reconnect"),
    ("54005", "The code from the login page has expired", "token", "reconnect"),
    ("50148", "The login was begun somewhere else", "token", "reconnect"),
    ("501481", "The login was begun somewhere else", "token", "reconnect"),
    ("50053", "The account is locked, disabled", "user", "reconnect"),
    ("50055", "The account is locked, disabled", "user", "reconnect"),
    ("50057", "The account is locked, disabled", "user", "reconnect"),
    ("70011", "The provider does not know one of the scopes", "scopes", "settings"),
    ("1002012", "With client credentials Microsoft wants one scope", "scopes", "settings"),
    ("500011", "The tenant has no such service", "scopes", "settings"),
    ("50196", "The provider cannot answer at the moment.", "", "wait"),
    ("90024", "The provider cannot answer at the moment.", "", "wait"),
    ("90033", "The provider cannot answer at the moment.", "", "wait"),
    ("90055", "The provider cannot answer at the moment.", "", "wait"),
)


class TestRefusals(EngineCase):
    def check(self, error, text, field, remedy):
        self.assertTrue(str(error).startswith(text), str(error))
        self.assertEqual((error.field, error.remedy), (field, remedy))
        self.assertEqual((error.phase, error.permanent), ("oauth", remedy != "wait"))
        self.assertTrue(error.cure)

    def test_words(self):
        for word, description, *expected in WORD_CASES:
            with self.subTest(f"{word} {description}"):
                error = token_refusal(400, {"error": word, "error_description": description})
                self.check(error, *expected)
                self.assertEqual((error.code, error.detail), (word, description))

    def test_numbers(self):
        for number, *expected in NUMBER_CASES:
            description = f"AADSTS{number}: Words. Trace ID: 00000000-aaaa\r\nTimestamp: 2026-05-01"
            with self.subTest(number):
                error = token_refusal(401, {"error": "invalid_client", "error_description": description})
                self.check(error, *expected)
                self.assertEqual(error.number, number)
                # Where Microsoft gives it apart, and where it comes by the browser.
                self.check(token_refusal(400, {"error": "x", "error_codes": [int(number)]}), *expected)
                self.check(authorization_refusal({"error": "x", "error_description": description}), *expected)

    def test_every_line_of_the_tables_is_tried(self):
        self.assertEqual({case[0] for case in WORD_CASES} - {"weird_word"}, set(WORDS))
        self.assertEqual({case[0] for case in NUMBER_CASES}, set(NUMBERS))

    def test_what_a_browser_brings_back(self):
        self.assertIsNone(authorization_refusal({"code": "x", "state": "y"}))
        self.assertIsNone(authorization_refusal({"error": ""}))
        error = authorization_refusal({"error": "access_denied", "error_subcode": "cancel"})
        self.assertEqual((error.code, error.detail), ("access_denied", "cancel"))

    def test_forms_that_providers_have(self):
        for name, status, answer, code, permanent in (
            ("word and number", 401, {"error": "invalid_client", "error_codes": [7000222]}, "invalid_client", True),
            ("an object", 403, {"error": {"status": "PERMISSION_DENIED", "message": "no"}}, "PERMISSION_DENIED", True),
            ("an object with a number", 403, {"error": {"code": 403, "message": "no"}}, "403", True),
            ("no word", 400, {"message": "no"}, "400", True),
            ("no word, later", 503, {"message": "no"}, "503", False),
            ("too often", 429, {"error": "quota"}, "quota", False),
            ("no text", 400, {"error": 5, "error_description": ["x"]}, "5", True),
            ("error_codes of another kind", 400, {"error": "x", "error_codes": ["<b>"]}, "x", True),
            ("a page for a word", 400, {"error": "<p>hello you</p>"}, "400", True),
            ("a word without end", 400, {"error": "x" * 500}, "x" * 60, True),
        ):
            with self.subTest(name):
                error = token_refusal(status, answer)
                self.assertEqual((error.code, error.permanent), (code, permanent))

    def test_descriptions_are_bounded_and_of_one_line(self):
        error = refusal("x", "a\r\nb\t" + "c" * 5000)
        self.assertTrue(error.detail.startswith("a b ccc"))
        self.assertEqual(len(error.detail), 500)
