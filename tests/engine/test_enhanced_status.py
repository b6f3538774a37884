# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.enhanced_status import explain_status, split_enhanced
from .case import EngineCase

ADDRESS = "The address does not exist."
DOMAIN = "The part of the address after the @ does not exist or takes no mail."
FULL = "The recipient's mailbox is full."
LARGE = "The message is larger than the server takes."
SENDER = "The server does not take mail from this sender address."
RELAY = "The outgoing server does not send mail to other domains for us."
LOGIN = "The server wants a login, or does not accept ours."
NO_BASIC = "Microsoft has switched off passwords for this account (basic authentication)."
NO_SMTP = "Sending with authentication is switched off for this mailbox or tenant."
BLOCKED = "The message was blocked: the address or the reputation of the sending server is not trusted."
SPAM = "The message was blocked: it looks like spam or like something harmful."
UNPROVED = "The message was blocked: our domain does not prove that it comes from us (SPF, DKIM or DMARC)."
POLICY = "The message was blocked by a rule of the receiving server."
GREY = "The server lets strangers wait for a while (greylisting)."
LIMIT = "A sending limit is reached."
RATE = "The recipient gets more mail than the server takes."
DISABLED = "The mailbox is switched off or takes no mail."
BUSY = "The server has too much to do at the moment."
LATER = "The server asks to try again later."
REFUSED = "The server refused the message."
# Of the table of cures, which knows the provider.
OWN_ADDRESSES = "The server lets this login send only as its own addresses."
GMAIL_UNPROVED = "Gmail takes no mail of a domain that proves itself neither by SPF nor by DKIM."
GMAIL_LIMIT = "The account's limit of recipients a day at Google is reached."
SEND_AS = "Microsoft lets this account send only as itself, and the From is another address."
SES_VERIFIED = (
    "Amazon sends for verified senders only; while the account is in the sandbox, to verified recipients only."
)
SES_LIMIT = "The account's limit at Amazon is reached."

# Answers as servers give them.
ANSWERS = (
    # Postfix, Dovecot, Exim
    (550, "5.1.1 <a@x.test>: Recipient address rejected: User unknown in virtual mailbox table", ADDRESS),
    (550, "5.1.1 <a@x.test> User doesn't exist: a@x.test", ADDRESS),
    (550, "Unrouteable address", ADDRESS),
    (550, "No such user here", ADDRESS),
    (552, "5.2.2 <a@x.test> Quota exceeded (mailbox for user is full)", FULL),
    (452, "4.2.2 The email account that you tried to reach is over quota.", FULL),
    (552, "5.3.4 Message size exceeds fixed limit", LARGE),
    (552, "message too large", LARGE),
    (554, "5.7.1 <a@x.test>: Relay access denied", RELAY),
    (454, "4.7.1 <a@x.test>: Relay access denied", RELAY),
    (553, "5.7.1 <b@x.test>: Sender address rejected: not owned by user a@x.test", OWN_ADDRESSES),
    (450, "4.7.1 Client host rejected: cannot find your reverse hostname", BLOCKED),
    (451, "4.7.1 Please try again later", GREY),
    (450, "4.2.0 <a@x.test>: Recipient address rejected: Greylisted, see http://postgrey.test", GREY),
    (451, "Greylisting in action, please come back in 00:04:59", GREY),
    (554, "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", BLOCKED),
    (550, "5.4.1 Recipient address rejected: Access denied. AS(201806281)", ADDRESS),
    (450, "4.1.2 <a@x.test>: Recipient address rejected: Domain not found", DOMAIN),
    (556, "5.1.10 Recipient address has null MX", DOMAIN),
    (530, "5.7.0 Must issue a STARTTLS command first", "The server wants an encrypted connection."),
    (530, "5.7.0 Authentication required", LOGIN),
    (535, "5.7.8 Error: authentication failed", LOGIN),
    (554, "5.4.6 Too many hops", "The message went round in circles between servers."),
    (452, "4.5.3 Error: too many recipients", "There are too many recipients in one message."),
    (452, "4.3.1 Insufficient system storage", "The server has no room left."),
    # Gmail
    (550, "5.1.1 The email account that you tried to reach does not exist. Please try\n5.1.1 double-checking", ADDRESS),
    (550, "5.2.1 The email account that you tried to reach is disabled.", DISABLED),
    (450, "4.2.1 The user you are trying to contact is receiving mail at a rate that\nprevents", RATE),
    (421, "4.7.28 Our system has detected an unusual rate of unsolicited mail", LIMIT),
    (550, "5.7.26 This mail has been blocked because the sender is unauthenticated.", GMAIL_UNPROVED),
    (550, "5.7.1 Our system has detected that this message is likely unsolicited mail.", SPAM),
    (550, "5.4.5 Daily user sending limit exceeded. For more information on Gmail", GMAIL_LIMIT),
    (552, "5.2.3 Your message exceeded Google's message size limits.", LARGE),
    (552, "5.7.0 This message was blocked because its content presents a potential security issue: virus", SPAM),
    # Microsoft
    (535, "5.7.139 Authentication unsuccessful, basic authentication is disabled. [X.PROD.OUTLOOK.COM]", NO_BASIC),
    (535, "5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.", NO_SMTP),
    (550, "5.7.30 Basic authentication is not supported for Client Submission.", NO_BASIC),
    (530, "5.7.57 Client not authenticated to send mail. [X.PROD.OUTLOOK.COM]", NO_SMTP),
    (554, "5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied", SEND_AS),
    (550, "5.7.60 SMTP; Client does not have permissions to send as this sender", SEND_AS),
    (550, "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", ADDRESS),
    (550, "5.7.606 Access denied, banned sending IP [192.0.2.1]", BLOCKED),
    (550, "5.7.64 TenantAttribution; Relay Access Denied", RELAY),
    # others
    (554, "Message rejected: Email address is not verified.", SES_VERIFIED),
    (454, "Throttling failure: Maximum sending rate exceeded.", SES_LIMIT),
    (550, "5.7.1 Unauthenticated email from x.test is not accepted due to domain's DMARC policy.", UNPROVED),
    (451, "4.7.500 Server busy. Please try again later from [192.0.2.1].", LATER),
    (550, "5.6.7 The address has umlauts", "The server cannot take addresses with characters beyond ASCII."),
    # code alone
    (421, "", BUSY),
    (450, "", LATER),
    (451, "nonsense", LATER),
    (452, "", BUSY),
    (499, "", LATER),
    (535, "", LOGIN),
    (550, "", REFUSED),
    (552, "", FULL),
    (554, "", REFUSED),
    (571, "", REFUSED),
    (0, "", REFUSED),
    (250, "2.0.0 Ok", "The server accepted the message."),
    (250, "", "The server accepted the message."),
    # enhanced alone
    (0, "5.1.1", ADDRESS),
    (0, "4.4.1", "The server could not reach the recipient's server."),
    (0, "5.7.1", POLICY),
    (0, "4.7.0", POLICY),
    (0, "4.99.99", LATER),
    (0, "5.99.99", REFUSED),
    (550, "5.7.1", POLICY),
)  # fmt: skip


class TestEnhancedStatus(EngineCase):
    def test_words(self):
        for code, answer, words in ANSWERS:
            with self.subTest(f"{code} {answer}"):
                self.assertEqual(explain_status(code, text=answer).text, words)

    def test_the_status_may_be_given_apart(self):
        self.assertEqual(explain_status(550, "5.1.1", "whatever").text, ADDRESS)
        self.assertEqual(explain_status(550, "5.7.1", "blocked by SPF").text, UNPROVED)

    def test_what_fails_has_a_cure(self):
        for code, answer, _words in ANSWERS:
            explained = explain_status(code, text=answer)
            if code != 250:
                with self.subTest(f"{code} {answer}"):
                    self.assertTrue(explained.cure)
                    self.assertEqual(str(explained), f"{explained.text} {explained.cure}")

    def test_the_status_is_split_from_the_text(self):
        for reply, expected in (
            ("5.1.1 no such user", ("5.1.1", "no such user")),
            ("5.1.1: no such user", ("5.1.1", "no such user")),
            ("5.1.1 no\n5.1.1 such\n5.1.1 user", ("5.1.1", "no such user")),
            ("no such user", ("", "no such user")),
            ("  4.7.1   later ", ("4.7.1", "later")),
            ("5.1.1", ("5.1.1", "")),
            ("3.1.1 what", ("", "3.1.1 what")),
            ("5.1 what", ("", "5.1 what")),
            ("192.168.2.1 is blocked", ("", "192.168.2.1 is blocked")),
            ("5.1.1.1 is blocked", ("", "5.1.1.1 is blocked")),
            ("", ("", "")),
            ("\n\n", ("", "")),
        ):
            with self.subTest(reply):
                self.assertEqual(split_enhanced(reply), expected)
