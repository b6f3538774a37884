# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Each text that providers and the guides quote leads to its own row, and the row says what helps."""

from ...engine.cure import Where
from ...engine.cure_table import CURES, find_cure
from .case import EngineCase

OFFICE, GMAIL = "outlook.office365.com", "imap.gmail.com"
CONNECT, LOGIN, SENDING, BROWSER = Where

# (where, host, what was said, words of what helps)
SAID = (
    (CONNECT, "", "port 25: The host does not answer on this port; a wrong port or a firewall are the usual reasons.",
     "587"),
    (CONNECT, "", "port 25: The host cannot be reached from here.", "Use port 587"),
    (CONNECT, "", "554 mx.x.test: your address is listed by Spamhaus", "block list|with a login"),
    # Microsoft
    (LOGIN, OFFICE, "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.",
     "Manage email apps"),
    (LOGIN, OFFICE, "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
     "Turn off SMTP AUTH"),
    (LOGIN, "", "530 5.7.57 Client not authenticated to send mail. [X.PROD.OUTLOOK.COM]", "Turn off SMTP AUTH"),
    (LOGIN, "", "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.", "in the browser"),
    (LOGIN, "", "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated "
     "successfully. Contact your administrator.", "excepts the mailbox"),
    (LOGIN, "", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", "OAuth credential"),
    (LOGIN, "", "550 5.7.30 Basic authentication is not supported for Client Submission.", "OAuth credential"),
    (LOGIN, "smtp.office365.com", "535 5.7.3 Authentication unsuccessful [X.PROD.OUTLOOK.COM]", "OAuth credential"),
    (LOGIN, OFFICE, "LOGIN failed.", "OAuth credential"),
    (LOGIN, OFFICE, "[NO] AUTHENTICATE failed.", "OAuth credential"),
    (LOGIN, OFFICE, "-ERR Logon failure: unknown user name or bad password.", "OAuth credential"),
    (LOGIN, OFFICE, "User is authenticated but not connected.", "tick IMAP"),
    # Google
    (LOGIN, GMAIL, "[AUTHENTICATIONFAILED] Invalid credentials (Failure)", "Use OAuth, or make an app password"),
    (LOGIN, GMAIL, "[ALERT] Application-specific password required: (Failure)", "app password"),
    (LOGIN, "", "534 5.7.9 Application-specific password required. x - gsmtp", "app password"),
    (LOGIN, "", "535 5.7.8 Username and Password not accepted. For more information x - gsmtp", "Use OAuth, or make"),
    (LOGIN, "", "534 5.7.14 Please log in via your web browser and then try again. gsmtp", "in a browser"),
    (LOGIN, GMAIL, "[WEBALERT https://accounts.google.com/x] Web login required.", "in a browser"),
    (LOGIN, GMAIL, "[ALERT] Your account is not enabled for IMAP use. Please visit your Gmail settings page",
     "Forwarding and"),
    (LOGIN, GMAIL, "[ALERT] IMAP access is disabled for your domain.", "Forwarding and POP/IMAP"),
    (LOGIN, GMAIL, "[ALERT] Too many simultaneous connections. (Failure)", "by itself"),
    # Others
    (LOGIN, "imap.mail.yahoo.com", "[AUTHENTICATIONFAILED] (#MBR1212) Incorrect username or password.", "app password"),
    (LOGIN, "smtp.mail.yahoo.com", "535 5.7.0 (#AUTH005) Too many bad auth attempts.", "app password"),
    (LOGIN, "imap.mail.me.com", "[AUTHENTICATIONFAILED] Authentication Failed", "app-specific"),
    (LOGIN, "imappro.zoho.com", "[ALERT] You are yet to enable IMAP for your account.", "Settings, Mail Accounts"),
    (LOGIN, "smtp.zoho.eu", "535 Authentication Failed", "App Passwords"),
    (LOGIN, "", "535 Authentication failed: Bad username / password", "apikey"),
    (LOGIN, "", "535 Authentication failed: The provided authorization grant is invalid, expired, or revoked",
     "apikey"),
    (LOGIN, "", "451 Authentication failed: Maximum credits exceeded", "larger one"),
    (LOGIN, "", "535 Authentication Credentials Invalid", "SMTP settings"),
    (LOGIN, "", "535 5.7.0 Mailgun is not loving your login or password", "SMTP credentials of the domain"),
    (LOGIN, "", "525 5.7.1 Unauthorized IP address", "Authorized IPs"),
    (LOGIN, "smtp-relay.brevo.com", "535 5.7.8 Authentication failed", "SMTP key"),
    (LOGIN, "in-v3.mailjet.com", "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6", "secret key"),
    (LOGIN, "smtp.postmarkapp.com", "535 5.7.8 Authentication failed", "API token"),
    (LOGIN, "mail.x.test", "535 Please use an app password", "app password"),
    # Sending
    (SENDING, "", "550 The from address does not match a verified Sender Identity. Mail cannot be sent until this "
     "error is "
     "resolved.", "Sender Authentication"),
    (SENDING, "", "550 Unauthenticated senders not allowed", "apikey"),
    (SENDING, "", "554 Message rejected: Email address is not verified. The following identities failed the check in "
     "region "
     "EU-WEST-1: a@x.test", "production access"),
    (SENDING, "", "454 Throttling failure: Maximum sending rate exceeded.", "under Limits"),
    (SENDING, "", "454 Throttling failure: Daily message quota exceeded.", "under Limits"),
    (SENDING, "in-v3.mailjet.com", "550 5.7.1 sender a@x.test is not validated", "Sender domains"),
    (SENDING, "", "550 Sandbox subdomains are for test purposes only. Please add your own domain",
     "verify your own domain"),
    (SENDING, "", "550 The 'From' address you supplied (a@x.test) is not a Sender Signature on your account.",
     "Signatures"),
    (SENDING, "", "554 5.2.252 SendAsDenied; a@x.test not allowed to send as b@x.test", "Send As"),
    (SENDING, "", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", "Send As"),
    (SENDING, "", "550 5.1.90 Your message can't be sent because you've reached your daily limit for message "
     "recipients", "24"),
    (SENDING, "", "550 5.1.8 Access denied, bad outbound sender", "Restricted entities"),
    (SENDING, "", "432 4.3.2 Concurrent connections limit exceeded", "Sessions"),
    (SENDING, "", "550 5.4.5 Daily user sending limit exceeded. gsmtp", "24 hours"),
    (SENDING, "", "550 5.7.1 Invalid credentials for relay [203.0.113.7]. The IP address you've registered",
     "SMTP relay service"),
    (SENDING, "", "550 5.7.26 This mail has been blocked because the sender is unauthenticated. gsmtp",
     "records to copy"),
    (SENDING, "", "553 5.7.1 <b@x.test>: Sender address rejected: not owned by user a@x.test", "add the address"),
    # The login page, and the way back
    (BROWSER, "", "Access blocked: x has not completed the Google verification process. Error 403: access_denied",
     "test users"),
    (BROWSER, "", "Error 400: redirect_uri_mismatch", "type Web Application"),
    (BROWSER, "", "403: Forbidden", "upgrade the addon"),
    (BROWSER, "", "AADSTS50020: User account from identity provider does not exist in tenant", "tenant"),
    (BROWSER, "", "AADSTS700016: Application with identifier was not found in the directory", "tenant"),
    (BROWSER, "", "AADSTS50011: The redirect URI specified in the request does not match", "redirect URI"),
)  # fmt: skip
# What many say, and means nothing in particular.
UNKNOWN = (
    (LOGIN, "mail.x.test", "535 5.7.8 Error: authentication failed:"),
    (LOGIN, "mail.x.test", "LOGIN failed."),
    (LOGIN, "outlook.office365.com.x.test", "LOGIN failed."),
    (LOGIN, "mail.x.test", ""),
    (CONNECT, "", "port 587: The host does not answer on this port"),
    (CONNECT, "", "port 2525: The host does not answer on this port"),
    (SENDING, "", "550 5.1.1 User unknown"),
    # Of the recipient's server, about itself.
    (SENDING, "", "550 5.7.708 Access denied, traffic not accepted from this IP"),
)


class TestCure(EngineCase):
    def test_each_text_has_its_cure(self):
        for where, host, said, words in SAID:
            with self.subTest(said):
                found = find_cure(said, host, where)
                self.assertIsNotNone(found)
                self.assertTrue(any(word in found.words for word in words.split("|")), found)

    def test_every_row_is_met(self):
        met = {id(find_cure(said, host, where)) for where, host, said, _words in SAID}
        self.assertEqual([row.said for row in CURES if id(row) not in met], [])

    def test_what_is_not_known(self):
        for where, host, said in UNKNOWN:
            with self.subTest(said, host=host):
                self.assertIsNone(find_cure(said, host, where))

    def test_words_for_people(self):
        for row in CURES:
            with self.subTest(row.said):
                self.assertRegex(row.cause, r"^[A-Z].*\.$")
                self.assertRegex(row.cure, r"^[A-Z].*\.$")
                self.assertNotRegex(row.words.lower(), r"://|www\.|less secure")

    def test_a_text_without_end_is_no_trap(self):
        self.assertIsNone(find_cure("a " * 500_000, "x" * 100_000, LOGIN))
