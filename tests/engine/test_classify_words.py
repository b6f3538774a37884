# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.bounce_reason import BounceReason as R
from ...engine.bounce_verdict import judge_bounce
from ...engine.delivery_status import find_status
from ...engine.smtp_stage import SmtpStage
from .case import EngineCase

HARD, SOFT = True, False
UNKNOWN = R.ADDRESS_UNKNOWN
NO_DOMAIN = R.DOMAIN_UNKNOWN
DISABLED = R.MAILBOX_DISABLED
FULL = R.MAILBOX_FULL
LIMITED = R.RATE_LIMITED
SENDER = R.SENDER_REFUSED
NO_MAIL = R.NOT_ACCEPTING
UNPROVED = R.AUTHENTICATION
RCPT, DATA, MAIL, CONNECT = SmtpStage.RCPT, SmtpStage.DATA, SmtpStage.MAIL, SmtpStage.CONNECT

# What servers answer to RCPT: (words, reason, hard).
AT_RCPT = (
    ("550 5.1.1 <a@example.com>: Recipient address rejected: User unknown in virtual mailbox table", UNKNOWN, HARD),
    ("550 5.7.606 Access denied, banned sending IP [192.0.2.1]", R.BLOCKED, SOFT),
    ("550 5.7.511 Access denied, banned sender[192.0.2.1]", SENDER, SOFT),
    ("554 5.7.1 Access denied", R.POLICY, SOFT),
    ("550 5.2.1 Mailbox unavailable. Your IP address 192.0.2.1 is blacklisted", R.BLOCKED, SOFT),
    (
        "554 5.7.1 <a@example.com>: Recipient address rejected: https://www.spamhaus.org/query/ip/192.0.2.1",
        R.BLOCKED,
        SOFT,
    ),
    ("550 5.7.1 <a@example.com>: Recipient address rejected: Please see http://www.openspf.org", UNPROVED, SOFT),
    ("550 HELO/EHLO invalid: host not found", R.BLOCKED, SOFT),
    ("550 Too many invalid recipients", LIMITED, SOFT),
    ("553 sorry, this recipient is not in my validrcptto list (#5.7.1)", UNKNOWN, HARD),
    ("550 Verification failed for <me@example.org> Unrouteable address Sender verify failed", SENDER, SOFT),
    ("521 5.2.1 host does not accept mail", NO_MAIL, HARD),
    ("550 5.5.0 Le compte du destinataire est bloque. User account is locked", DISABLED, SOFT),
    ("550 5.1.1 <a@example.com>: Recipient address rejected: User unknown in relay recipient table", UNKNOWN, HARD),
    ("550 5.1.1 <a@example.com>... User unknown", UNKNOWN, HARD),
    (
        "550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 double-checking the "
        "recipient's email address for typos or 550 5.1.1 unnecessary spaces. https://support.google.com/mail/?p=NoSuchUser",
        UNKNOWN,
        HARD,
    ),
    ("550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).", UNKNOWN, HARD),
    ("550 5.4.1 Recipient address rejected: Access denied. [x.prod.protection.outlook.com]", UNKNOWN, HARD),
    ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", UNKNOWN, HARD),
    ("554 delivery error: dd This user doesn't have a yahoo.com account (a@yahoo.com) [0]", UNKNOWN, HARD),
    ("550 sorry, no mailbox here by that name (#5.1.1)", UNKNOWN, HARD),
    ("550 5.1.1 unknown or illegal alias: a@example.com", UNKNOWN, HARD),
    ("550 No Such User Here", UNKNOWN, HARD),
    ("550 No such recipient here", UNKNOWN, HARD),
    ("550 Unknown recipient", UNKNOWN, HARD),
    ("550 Address rejected", UNKNOWN, HARD),
    ("550 Unrouteable address", UNKNOWN, HARD),
    ("550 Invalid recipient <a@example.com>", UNKNOWN, HARD),
    ("550 <a@example.com> is not a valid mailbox", UNKNOWN, HARD),
    ("553 5.3.0 <a@example.com>... No such user here", UNKNOWN, HARD),
    ("550 Mailbox not found", UNKNOWN, HARD),
    ("550 #5.1.0 Address rejected.", UNKNOWN, HARD),
    ("550 user a@example.com does not exist", UNKNOWN, HARD),
    ("550 5.1.1 Addressee unknown, relay=[192.0.2.1]", UNKNOWN, HARD),
    ("550 Account does not exist.", UNKNOWN, HARD),
    ("550 This mailbox does not exist", UNKNOWN, HARD),
    ("550 5.1.1 Dest. mail user unknown.", UNKNOWN, HARD),
    ("550 RCPT (a@example.com) doesn't exist", UNKNOWN, HARD),
    ("550 Recipient not found. <a@example.com>", UNKNOWN, HARD),
    ("550 5.7.1 No such user!", UNKNOWN, HARD),
    ("550 Adresse d au moins un destinataire invalide. Invalid recipient. OFR204_416", UNKNOWN, HARD),
    ("550 Benutzer unbekannt", UNKNOWN, HARD),
    ("550 El destinatario no existe", UNKNOWN, HARD),
    ("550 Mailbox not found or access denied. http://service.mail.example.com/?id=22", UNKNOWN, HARD),
    ("550 Requested mail action not taken: user not found", UNKNOWN, HARD),
    ("550 cuda_nsu 5.1.1 <a@example.com>: Recipient address rejected: no valid recipient", UNKNOWN, HARD),
    ("550 5.1.6 Recipient no longer on server", R.ADDRESS_MOVED, HARD),
    ("551 5.1.6 User has moved; please try <b@example.org>", R.ADDRESS_MOVED, HARD),
    ("550 5.1.2 <a@example.invalid>: Recipient address rejected: Domain not found", NO_DOMAIN, HARD),
    (
        "556 5.1.10 <a@example.com>: Recipient address rejected: Domain example.com does not accept mail (nullMX)",
        NO_MAIL,
        HARD,
    ),
    ("552 5.2.2 Over quota", FULL, SOFT),
    ("550 5.1.1 <a@example.com>... Mailbox full", FULL, SOFT),
    ("452 4.2.2 The email account that you tried to reach is over quota and inactive.", FULL, SOFT),
    ("552-5.2.2 The recipient's inbox is out of storage space. Please direct the", FULL, SOFT),
    ("554 5.2.2 mailbox full;STOREDRV.Deliver.Exception:QuotaExceededException", FULL, SOFT),
    ("550 Mailbox quota exceeded", FULL, SOFT),
    ("422 user over quota; cannot receive new mail", FULL, SOFT),
    ("552 Requested mail action aborted: exceeded storage allocation", FULL, SOFT),
    ("550 5.2.1 The email account that you tried to reach is disabled.", DISABLED, SOFT),
    (
        "554 30 Sorry, your message to a@example.com cannot be delivered. This mailbox is disabled (554.30).",
        DISABLED,
        SOFT,
    ),
    ("550 Account inactive", DISABLED, SOFT),
    (
        "550 5.2.1 <a@example.com>: Recipient address rejected: this mailbox is inactive and has been disabled",
        DISABLED,
        SOFT,
    ),
    ("550 The account is suspended", DISABLED, SOFT),
    ("450 4.1.1 <a@example.com>: Recipient address rejected: unverified address: unknown user", UNKNOWN, SOFT),
    ("554 5.7.1 <a@example.com>: Relay access denied", R.RELAY_DENIED, SOFT),
    ("550 5.7.1 Unable to relay for a@example.com", R.RELAY_DENIED, SOFT),
    ("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", R.RELAY_DENIED, SOFT),
    (
        "450 4.2.0 <a@example.com>: Recipient address rejected: Greylisted, see http://postgrey.example.com",
        LIMITED,
        SOFT,
    ),
    ("452 4.5.3 Error: too many recipients", LIMITED, SOFT),
    (
        "450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages",
        LIMITED,
        SOFT,
    ),
    ("554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", R.BLOCKED, SOFT),
    ("550 5.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.1]", R.BLOCKED, SOFT),
    ("550-5.7.25 The IP address sending this message does not have a PTR record setup", R.BLOCKED, SOFT),
    ("554 5.7.1 The file example.exe has been blocked. IP listed in RBL", R.BLOCKED, SOFT),
    ("553 5.1.8 <me@example.org>... Domain of sender address me@example.org does not exist", SENDER, SOFT),
    ("450 4.1.8 <me@example.org>: Sender address rejected: Domain not found", SENDER, SOFT),
    ("550 5.7.1 Recipient not authorized, your IP has been found on a block list", R.BLOCKED, SOFT),
    (
        "550 5.1.1 RCP-P2 http://postmaster.example.com/response_codes Refused due to recipient preferences",
        SENDER,
        SOFT,
    ),
    (
        "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; Delivery restriction check failed",
        R.POLICY,
        SOFT,
    ),
)
# What they answer to the content: never hard.
AT_DATA = (
    ("550 : User unknown", UNKNOWN),
    ("550 Unknown user a@example.com", UNKNOWN),
    ("552 5.3.4 Message size exceeds fixed limit", R.TOO_LARGE),
    ("552-5.2.3 Your message exceeded Google's message size limits.", R.TOO_LARGE),
    ("550 5.7.26 This mail is unauthenticated, which poses a security risk: SPF did not pass", UNPROVED),
    ("550 5.7.1 This message was not accepted due to domain owner DMARC policy", UNPROVED),
    ("550 5.7.515 Access denied, sending domain does not meet the required authentication level", UNPROVED),
    ("550 High probability of spam", R.SPAM),
    ("554 5.7.1 Message rejected as spam by Content Filtering.", R.SPAM),
    ("554 rejected due to spam URL in content", R.SPAM),
    ("550 5.7.1 virus infected message rejected", R.VIRUS),
    ("554 5.7.9 Message not accepted for policy reasons.", R.POLICY),
    ("550 5.6.0 Headers too large", R.CONTENT),
    ("550 5.7.1 Message rejected: missing Date header (RFC 5322)", R.CONTENT),
    ("554 5.4.6 Too many hops", R.LOOP),
    ("451 4.3.0 Temporary system problem. Try again later", R.SYSTEM),
    (
        "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints",
        LIMITED,
    ),
)
# What the reporting server found out by itself.
OF_ITS_OWN = (
    (
        "Host or domain name not found. Name service error for name=example.invalid type=AAAA: Host not found",
        NO_DOMAIN,
        HARD,
    ),
    ("Name service error for name=example.invalid type=MX: Host not found, try again", R.NETWORK, SOFT),
    ("Host unknown (Name server: example.invalid: host not found)", NO_DOMAIN, HARD),
    ("Sorry, I couldn't find any host named example.invalid. (#5.1.2)", NO_DOMAIN, HARD),
    ("all relevant MX records point to non-existent hosts", NO_DOMAIN, HARD),
    ('Unrouteable mail domain "example.invalid"', NO_DOMAIN, HARD),
    (
        "DNS Error: DNS type 'mx' lookup of example.invalid responded with code NXDOMAIN Domain name not found",
        NO_DOMAIN,
        HARD,
    ),
    ("Sorry, I couldn't find a mail exchanger or IP address. (#5.4.4)", NO_DOMAIN, HARD),
    ("Invalid domain name", NO_DOMAIN, HARD),
    ("No MX found for domain", NO_DOMAIN, HARD),
    ("Destination seem to reject all mails", NO_MAIL, HARD),
    ("Network error on destination MXs", R.NETWORK, SOFT),
    ("CNAME lookup failed temporarily. (#4.4.3)", R.NETWORK, SOFT),
    ("Invalid final delivery userid: jo", UNKNOWN, HARD),
    ("connect to mx.example.com[192.0.2.1]:25: Connection refused", R.NETWORK, SOFT),
    ("connect to mx.example.com[192.0.2.1]:25: Connection timed out", R.NETWORK, SOFT),
    ("lost connection with mx.example.com[192.0.2.1] while sending DATA command", R.NETWORK, SOFT),
    ("Deferred: Connection reset by mx.example.com.", R.NETWORK, SOFT),
    ("Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)", R.NETWORK, SOFT),
    ("mail for mx.example.com loops back to myself", R.LOOP, SOFT),
    ("retry timeout exceeded", R.EXPIRED, SOFT),
    ("Message could not be delivered for 5 days", R.EXPIRED, SOFT),
    ("unknown mailer error 255", R.SYSTEM, SOFT),
    ("mail system configuration error", R.SYSTEM, SOFT),
    ('Command died with status 17: "/usr/bin/filter". Command output: no such file', R.SYSTEM, SOFT),
    ("The address is on the suppression list", R.SUPPRESSED, SOFT),
    ("mail.local: unknown user: ann", UNKNOWN, HARD),
    ("User ann (ann@example.com) not listed in public Name & Address Book", UNKNOWN, HARD),
    ("something of which nobody has ever heard", R.UNDEFINED, SOFT),
    ("", R.UNDEFINED, SOFT),
)


class TestClassifyWords(EngineCase):
    def test_answers_to_an_address(self):
        for words, reason, is_hard in AT_RCPT:
            self.check(words, reason, is_hard, RCPT)

    def test_answers_to_the_content_never_say_that_an_address_is_dead(self):
        for words, reason in AT_DATA:
            self.check(words, reason, SOFT, DATA)

    def test_what_a_server_found_by_itself(self):
        for words, reason, is_hard in OF_ITS_OWN:
            self.check(words, reason, is_hard, SmtpStage.UNKNOWN)

    def test_a_status_alone(self):
        for status, reason, is_hard in (
            ("5.1.1", UNKNOWN, HARD),
            ("5.1.2", NO_DOMAIN, HARD),
            ("5.1.3", UNKNOWN, HARD),
            ("5.1.6", R.ADDRESS_MOVED, HARD),
            ("5.1.8", SENDER, SOFT),
            ("5.1.10", NO_MAIL, HARD),
            ("5.2.1", DISABLED, SOFT),
            ("5.2.2", FULL, SOFT),
            ("4.2.2", FULL, SOFT),
            ("5.3.2", NO_MAIL, HARD),
            ("4.3.2", NO_MAIL, SOFT),
            ("5.3.4", R.TOO_LARGE, SOFT),
            ("5.4.4", NO_DOMAIN, HARD),
            ("4.4.4", NO_DOMAIN, SOFT),
            ("5.4.6", R.LOOP, SOFT),
            ("4.4.7", R.EXPIRED, SOFT),
            ("5.6.1", R.CONTENT, SOFT),
            ("5.7.26", UNPROVED, SOFT),
            ("5.7.25", R.BLOCKED, SOFT),
            ("5.7.1", R.POLICY, SOFT),
            ("5.7.27", NO_MAIL, SOFT),
            ("5.0.0", R.UNDEFINED, SOFT),
            ("", R.UNDEFINED, SOFT),
        ):
            with self.subTest(status=status):
                verdict = judge_bounce("", status)
                self.assertEqual((verdict.reason, verdict.is_hard), (reason, is_hard))

    def test_the_same_words_at_another_command(self):
        for words, status, stage, is_hard in (
            ("550 <a@example.com>: User unknown", "", RCPT, HARD),
            ("550 <a@example.com>: User unknown", "", DATA, SOFT),
            ("550 <a@example.com>: User unknown", "", SmtpStage.UNKNOWN, HARD),
            ("550 : User unknown", "", SmtpStage.UNKNOWN, SOFT),
            ("550 5.2.1 <a@example.com>... User unknown", "5.2.1", SmtpStage.UNKNOWN, SOFT),
            ("550 5.2.1 <a@example.com>... User unknown", "5.2.1", RCPT, HARD),
            ("550 5.1.1 <a@example.com>... User unknown", "5.1.1", DATA, HARD),
            ("550 No such domain example.org", "", MAIL, SOFT),
        ):
            with self.subTest(words=words, stage=stage):
                self.assertEqual(judge_bounce(words, status, 550, stage).is_hard, is_hard)

    def check(self, words, reason, is_hard, stage):
        with self.subTest(words=words):
            code = int(words[:3]) if words[:3].isdigit() else 0
            verdict = judge_bounce(words, find_status(words), code, stage)
            self.assertEqual((verdict.reason.value, verdict.is_hard), (reason.value, is_hard))
