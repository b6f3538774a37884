# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.bearer_refusal import REFUSALS, Challenge, bearer_refusal, read_challenge
from .case import EngineCase

EXPIRED = "it has expired, was revoked, or belongs to another account"
GOOGLE = b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}'
NO_SMTP = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the"
CRITERIA = "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated"
GMAIL_OFF = "[ALERT] Your account is not enabled for IMAP use. Please visit your Gmail settings page"
DOMAIN_OFF = "[ALERT] IMAP access is disabled for your domain. Please contact your domain administrator"

# what the server says, the challenge before it, (words, setting at fault, for good)
CASES = (
    ("Google", "[AUTHENTICATIONFAILED] Invalid credentials (Failure)", GOOGLE, (EXPIRED, "token", True)),
    ("its scope is shown", "NO", GOOGLE, ("status 400, schemes Bearer, scope https://mail.google.com/", "token", True)),
    ("Dovecot, XOAUTH2", "[AUTHENTICATIONFAILED]", b'{"status":"401","schemes":"bearer"}', (EXPIRED, "token", True)),
    ("Dovecot, OAUTHBEARER", "NO", b'{"status":"invalid_token"}', (EXPIRED, "token", True)),
    ("scope", "NO", b'{"status":"insufficient_scope","scope":"mail"}', ("without the right to use", "token", True)),
    ("scope, as HTTP", "NO", b'{"status":"403"}', ("without the right to use", "token", True)),
    ("unreadable for the server", "NO", b'{"status":"invalid_request"}', ("could not read it", "token", True)),
    ("a word of its own", "NO", b'{"status":"weird"}', (EXPIRED, "token", True)),
    ("number for a word", "NO", b'{"status":401}', ("status 401", "token", True)),
    ("provider down", "NO", b'{"status":"503"}', ("cannot check logins at the moment", "", False)),
    ("no challenge", "-ERR [AUTH] no", b"", (EXPIRED, "token", True)),
    ("no JSON", "NO", b"<html>", (EXPIRED, "token", True)),
    ("JSON of another kind", "NO", b'["401"]', (EXPIRED, "token", True)),
    ("nested without end", "NO", b"[" * 100_000, (EXPIRED, "token", True)),
    ("Microsoft, IMAP", "AUTHENTICATE failed.", b"", ("Usual reasons at Microsoft", "token", True)),
    ("Microsoft, SMTP", "535 5.7.3 Authentication unsuccessful", b"", ("Usual reasons at Microsoft", "token", True)),
    ("switched off, mailbox", f"{NO_SMTP} Mailbox", b"", ("switched off sending with a login for this", "user", True)),
    ("switched off, tenant", f"{NO_SMTP} Tenant", b"", ("with a login for the whole organization", "user", True)),
    ("policy", CRITERIA, b"", ("security defaults or a conditional access policy", "user", True)),
    ("taken for a password", "535 5.7.139 basic authentication is disabled", b"", ("for a password", "host", True)),
    ("no mailbox", "User is authenticated but not connected.", b"", ("it opens no mailbox", "user", True)),
    ("Gmail, IMAP off", GMAIL_OFF, GOOGLE, ("IMAP or POP is switched off for this mailbox", "user", True)),
    ("Workspace, IMAP off", DOMAIN_OFF, b"", ("IMAP or POP is switched off for this mailbox", "user", True)),
    ("Google wants a person", "[WEBALERT https://x.test] Web login required.", b"", ("with a browser", "user", True)),
    ("mechanism", "504 5.5.4 Unrecognized authentication type", b"", ("takes no access tokens", "host", True)),
)


class TestBearerRefusal(EngineCase):
    def test_words(self):
        for name, detail, challenge, (words, field, permanent) in CASES:
            with self.subTest(name):
                error = bearer_refusal(detail.split(" ")[0], detail, [challenge] if challenge else [])
                self.assertIn(words, str(error))
                self.assertEqual((error.phase, error.field, error.permanent), ("login", field, permanent))
                self.assertLessEqual(len(error.detail), 500)

    def test_for_the_moment(self):
        error = bearer_refusal("454 4.7.0", "454 4.7.0 try later", [GOOGLE], is_temporary=True)
        self.assertEqual((str(error), error.field), ("The server cannot check logins at the moment.", ""))
        self.assertFalse(error.permanent)

    def test_a_server_that_repeats_the_token(self):
        challenge = b'{"status":"401","error":"bad eyJtoken"}'
        error = bearer_refusal("NO", "NO eyJtoken is no good", [challenge], secrets=["eyJtoken"])
        self.assertEqual(error.detail, 'NO *** is no good {"status":"401","error":"bad ***"}')
        self.assertNotIn("eyJtoken", str(error))

    def test_challenges(self):
        for data, expected in (
            (GOOGLE, Challenge("400", "Bearer", "https://mail.google.com/")),
            (b'{"status":null,"scope":["a"]}', Challenge()),
            (b'{"status":"a\\r\\nb"}', Challenge("a b")),
            (b'{"scope":"' + b"x" * 1000 + b'"}', Challenge(scope="x" * 200)),
            (b"", Challenge()),
        ):
            with self.subTest(data[:30]):
                self.assertEqual(read_challenge(data), expected)

    def test_every_line_of_the_table_is_tried(self):
        tried = {str(bearer_refusal(detail.split(" ")[0], detail)) for _name, detail, _challenge, _words in CASES}
        self.assertEqual([refusal.said for refusal in REFUSALS if refusal.text not in tried], [])
