# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The table of cures: what providers write, and what helps. docs/diagnosis.md is made of it.

Only what a provider is known for stands here; what any server may say is read by enhanced_status.py, and what a refused
access token means by bearer_refusal.py and the tables of OAuth.
"""

from __future__ import annotations

from .cure import Cure, Where, row
from .oauth_microsoft import NUMBERS

_LONGEST = 2000
_ANY, _GOOGLE, _MICROSOFT = "Any provider", "Google", "Microsoft 365"
_OFFICE = r"(^|\.)(office365\.com|outlook\.com|office\.com|hotmail\.com)$"
_PASSWORD_OFF = "Microsoft has switched off passwords for this account (basic authentication)."
_OAUTH = "Choose an OAuth credential in place of the password."
_APP_PASSWORD = (
    "Use OAuth, or make an app password: in the Google account under Security, 2-Step Verification, App passwords; it "
    "has 16 letters, and the user name is the whole address."
)
_TENANT = NUMBERS["50020"]

CURES = (
    # ---- Before anything is said ----
    row(
        _ANY, Where.CONNECT, "port 25: timed out",
        r"\bport 25\b.*(timed out|does not answer|unreachable|cannot be reached)",
        "Port 25 is blocked on the way out, as most hosting providers and internet providers do against spam.",
        "Use port 587 with TLS or 465 with SSL/TLS and a login; or ask the hosting provider to open port 25.", "port",
    ),
    row(
        _ANY, Where.CONNECT, "554 … listed, or service refused at the greeting",
        r"^554[ -].*(spamhaus|\bblocked\b|\brbl\b|listed)",
        "The server refuses this machine's address, which stands on a block list.",
        "Send through a server with a login (port 587), or have the address taken off the list.", "host",
    ),
    # ---- Microsoft: login ----
    row(
        _MICROSOFT, Where.LOGIN, "535 5.7.139 … SmtpClientAuthentication is disabled for the Mailbox",
        r"SmtpClientAuthentication is disabled for the Mailbox",
        "Sending with authentication is switched off for this mailbox.",
        "An administrator switches it on: Microsoft 365 admin center, Active users, the mailbox, Mail, Manage email "
        "apps, Authenticated SMTP. It takes some minutes.", "user",
    ),
    row(
        _MICROSOFT, Where.LOGIN, "535 5.7.139 … SmtpClientAuthentication is disabled for the Tenant",
        r"SmtpClientAuthentication is disabled|smtp_auth_disabled|5\.7\.57",
        "Sending with authentication is switched off for this mailbox or tenant, or nobody logged in.",
        "Enter user and OAuth credential; an administrator must allow authenticated SMTP: Exchange admin center, "
        "Settings, Mail flow, Turn off SMTP AUTH protocol, or for this mailbox alone under Manage email apps.", "user",
    ),
    row(
        _MICROSOFT, Where.LOGIN, "535 5.7.139 … user credentials were incorrect",
        r"5\.7\.139.*(credentials were incorrect|account is (locked|disabled))",
        "Microsoft refuses user name or password, or the account is locked.",
        "Log in once in the browser with the same account. Passwords are mostly switched off there: choose an OAuth "
        "credential in place of the password.", "password",
    ),
    row(
        _MICROSOFT, Where.LOGIN, "535 5.7.139 … the request did not meet the criteria to be authenticated successfully",
        r"did not meet the criteria to be authenticated",
        "Microsoft's security defaults or a conditional access policy block this login.",
        "Choose an OAuth credential in place of the password; if that is refused too, an administrator excepts the "
        "mailbox, and the sign-in log in Microsoft Entra names the policy.", "password",
    ),
    row(
        _MICROSOFT, Where.LOGIN, "535 5.7.139 Authentication unsuccessful, basic authentication is disabled",
        r"5\.7\.139|basic auth\w* is (disabled|not supported)|BasicAuthBlocked|5\.7\.30\b",
        _PASSWORD_OFF, _OAUTH, "password",
    ),
    row(
        _MICROSOFT, Where.LOGIN, "535 5.7.3 Authentication unsuccessful", r"5\.7\.3 Authentication unsuccessful",
        "Microsoft refuses user name or password; mostly since passwords are switched off (basic authentication).",
        _OAUTH, "password", _OFFICE,
    ),
    row(
        _MICROSOFT, Where.LOGIN, "LOGIN failed., AUTHENTICATE failed. (IMAP)", r"\b(LOGIN|AUTHENTICATE) failed",
        _PASSWORD_OFF, _OAUTH, "password", _OFFICE,
    ),
    row(
        _MICROSOFT, Where.LOGIN, "-ERR Logon failure: unknown user name or bad password (POP)", r"Logon failure",
        _PASSWORD_OFF, _OAUTH, "password", _OFFICE,
    ),
    row(
        _MICROSOFT, Where.LOGIN, "User is authenticated but not connected", r"authenticated but not connected",
        "The login is right, but it opens no mailbox: IMAP or POP is switched off for it, it has no licence, or the "
        "user name is not the mailbox's address.",
        "Microsoft 365 admin center, Active users, the mailbox, Mail, Manage email apps: tick IMAP. For a shared "
        "mailbox "
        "the account needs Full Access.", "user",
    ),
    # ---- Google: login ----
    row(
        _GOOGLE, Where.LOGIN, "534 5.7.9 Application-specific password required",
        r"application-specific password|InvalidSecondFactor|5\.7\.9\b",
        "This account has two-step verification, so its own password is refused.",
        "Make an app password at the provider and enter that (16 letters at Google), or use OAuth.", "password",
    ),
    row(
        _GOOGLE, Where.LOGIN, "[ALERT] Your account is not enabled for IMAP use",
        r"not enabled for (IMAP|POP)|(IMAP|POP3?)( access)? (is|has been) (disabled|turned off)",
        "IMAP or POP is switched off for this mailbox.",
        "Switch it on: in Gmail under Settings, Forwarding and POP/IMAP; for an organization in the Google Admin "
        "console under Apps, Google Workspace, Gmail, End User Access; at Microsoft under Manage email apps.", "user",
    ),
    row(
        _GOOGLE, Where.LOGIN, "534 5.7.14 Please log in via your web browser; [WEBALERT] Web login required",
        r"web login required|WEBALERT|5\.7\.14\b|log in via your web browser",
        "The provider wants a person to log in with a browser first: it takes this machine for a stranger.",
        "Log in with this account in a browser and confirm that it was you, then try again within some minutes.",
        "user",
    ),
    row(
        _GOOGLE, Where.LOGIN, "[AUTHENTICATIONFAILED] Invalid credentials (Failure)",
        r"Invalid credentials \(Failure\)",
        "Google refuses the account's own password here, or the app password was withdrawn.", _APP_PASSWORD, "password",
    ),
    row(
        _GOOGLE, Where.LOGIN, "535 5.7.8 Username and Password not accepted … gsmtp",
        r"5\.7\.8.*(gsmtp|BadCredentials)|Username and Password not accepted",
        "Google refuses the account's own password here, or the app password was withdrawn.", _APP_PASSWORD, "password",
    ),
    row(
        _GOOGLE, Where.LOGIN, "[ALERT] Too many simultaneous connections. (Failure)",
        r"Too many simultaneous connections",
        "Google lets 15 programs read a mailbox at once, and as many are.",
        "Close other mail programs of this account; it is tried again by itself.", "user", is_temporary=True,
    ),
    # ---- Others: login ----
    row(
        "Yahoo, AOL", Where.LOGIN, "[AUTHENTICATIONFAILED] (#MBR1212) Incorrect username or password",
        r"#(MBR1212|AUTH\d{3})", "Yahoo refuses the account's own password in mail programs.",
        "Make an app password in the account's security settings, and enter that.", "password",
    ),
    row(
        "iCloud", Where.LOGIN, "[AUTHENTICATIONFAILED] Authentication Failed (at mail.me.com)",
        r"Authentication Failed",
        "Apple refuses the account's own password in mail programs.",
        "Make an app-specific password in the Apple account under Sign-In and Security, and enter that.",
        "password", r"\.mail\.me\.com$",
    ),
    row(
        "Zoho", Where.LOGIN, "[ALERT] You are yet to enable IMAP for your account", r"yet to enable (IMAP|POP)",
        "IMAP is switched off for this mailbox.", "Switch it on in Zoho Mail under Settings, Mail Accounts, IMAP.",
        "user",
    ),
    row(
        "Zoho", Where.LOGIN, "535 Authentication Failed (at zoho)", r"Authentication Failed|Invalid credentials",
        "Zoho refuses the password: with two-step verification it wants an application-specific one.",
        "Make one in the Zoho account under Security, App Passwords. The server must be that of the account's region.",
        "password", r"(^|\.)zoho\w*\.(com|eu|in|com\.au|jp|com\.cn)$",
    ),
    row(
        "SendGrid", Where.LOGIN, "451 Authentication failed: Maximum credits exceeded", r"Maximum credits exceeded",
        "The plan at SendGrid is used up.", "Wait until the plan begins anew, or take a larger one there.", "",
    ),
    row(
        "SendGrid", Where.LOGIN, "535 Authentication failed: Bad username / password; … authorization grant is invalid",
        r"Bad username / password|authorization grant is invalid",
        "SendGrid refuses the login.",
        "The user name is the word apikey, the password an API key with the right Mail Send.", "password",
    ),
    row(
        "Amazon SES", Where.LOGIN, "535 Authentication Credentials Invalid", r"Authentication Credentials Invalid",
        "Amazon refuses the login: an access key of AWS is no SMTP password, and each region has its own.",
        "Make SMTP credentials in the SES console under SMTP settings, in the region that the server's name has.",
        "password",
    ),
    row(
        "Mailgun", Where.LOGIN, "535 5.7.0 Mailgun is not loving your login or password", r"not loving your login",
        "Mailgun refuses the login.",
        "Use the SMTP credentials of the domain (Sending, Domain settings, SMTP credentials), not the API key; "
        "accounts "
        "in the EU have the server smtp.eu.mailgun.org.", "password",
    ),
    row(
        "Brevo", Where.LOGIN, "525 5.7.1 Unauthorized IP address", r"Unauthorized IP address",
        "Brevo does not know this machine's address.",
        "Add the address at Brevo under Security, Authorized IPs, or switch that check off for SMTP.", "host",
    ),
    row(
        "Brevo", Where.LOGIN, "535 5.7.8 Authentication failed (at Brevo)", r"^535|Authentication failed",
        "Brevo refuses the login.",
        "The password is an SMTP key (SMTP & API, SMTP), not the account's password and not an API key.",
        "password", r"(^|\.)(brevo|sendinblue)\.com$",
    ),
    row(
        "Mailjet", Where.LOGIN, "535 … authentication failed (at Mailjet)", r"^535|authentication failed",
        "Mailjet refuses the login.",
        "The user name is the API key and the password the secret key, both under Account settings, API key "
        "management.",
        "password", r"(^|\.)mailjet\.com$",
    ),
    row(
        "Postmark", Where.LOGIN, "535 … (at Postmark)", r"^535|authentication failed",
        "Postmark refuses the login.", "User name and password are both the server's API token.", "password",
        r"(^|\.)postmarkapp\.com$",
    ),
    row(
        _ANY, Where.LOGIN, "… app password …", r"app(lication)?[- ]password",
        "This account has two-step verification, so its own password is refused.",
        "Make an app password at the provider and enter that, or use OAuth.", "password",
    ),
    # ---- Sending ----
    row(
        "SendGrid", Where.SENDING, "550 The from address does not match a verified Sender Identity",
        r"does not match a verified Sender Identity",
        "SendGrid sends for verified senders only, and this From is none of them.",
        "Verify the domain or the address at SendGrid under Settings, Sender Authentication; or use a verified sender, "
        "and set the server's FROM filter to it.", "sender",
    ),
    row(
        "SendGrid", Where.SENDING, "550 Unauthenticated senders not allowed", r"Unauthenticated senders not allowed",
        "SendGrid wants a login.", "The user name is the word apikey, the password an API key.", "user",
    ),
    row(
        "Amazon SES", Where.SENDING, "554 Message rejected: Email address is not verified",
        r"Email address is not verified|identities failed the check",
        "Amazon sends for verified senders only; while the account is in the sandbox, to verified recipients only.",
        "Verify the sender's domain in the SES console in this region, and ask there for production access.", "sender",
    ),
    row(
        "Amazon SES", Where.SENDING, "454 Throttling failure: Maximum sending rate exceeded; Daily message quota "
        "exceeded",
        r"Throttling failure|Daily message quota exceeded",
        "The account's limit at Amazon is reached.",
        "It goes on by itself. Enter the limits of the account on the server under Limits, or ask Amazon for larger "
        "ones.",
        is_temporary=True,
    ),
    row(
        "Mailjet", Where.SENDING, "550 … sender … not validated, or not allowed (at Mailjet)",
        r"(sender|from)\b.*(not (been )?(validated|verified|allowed|authorized)|inactive|unauthori[sz]ed)",
        "Mailjet sends for validated senders only, and this From is none of them.",
        "Validate the domain or the address at Mailjet under Account settings, Sender domains & addresses; or use a "
        "validated one.", "sender", r"(^|\.)mailjet\.com$",
    ),
    row(
        "Mailgun", Where.SENDING, "Sandbox subdomains are for test purposes only",
        r"Sandbox subdomains are for test purposes",
        "The domain at Mailgun is a sandbox, which sends to authorized recipients only.",
        "Add and verify your own domain at Mailgun, and use its SMTP credentials.", "sender",
    ),
    row(
        "Postmark", Where.SENDING, "The 'From' address you supplied is not a Sender Signature on your account",
        r"not a Sender Signature", "Postmark sends for confirmed senders only, and this From is none of them.",
        "Confirm the domain or the address at Postmark under Sender Signatures.", "sender",
    ),
    row(
        _MICROSOFT, Where.SENDING, "554 5.2.252 SendAsDenied; … not allowed to send as …",
        r"SendAsDenied|5\.2\.252|5\.7\.60\b",
        "Microsoft lets this account send only as itself, and the From is another address.",
        "Give the account Send As on the other mailbox (Exchange admin center, the mailbox, Delegation), or set the "
        "server's FROM filter to the account's own address.", "sender",
    ),
    row(
        _MICROSOFT, Where.SENDING, "550 5.1.90 … reached your daily limit for message recipients",
        r"5\.1\.90|5\.2\.2 .*Submission ?quota|daily limit for message recipients",
        "The mailbox's limit of recipients a day at Microsoft is reached.",
        "It goes on after 24 hours; enter the limit on the server under Limits, or use a service for bulk mail.",
    ),
    row(
        _MICROSOFT, Where.SENDING, "550 5.1.8 Access denied, bad outbound sender; OutboundSpamException",
        r"bad outbound sender|OutboundSpamException",
        "Microsoft has blocked the account or tenant for sending, mostly after a burst of mail.",
        "An administrator releases it in the Microsoft Defender portal under Restricted entities; look first at what "
        "was "
        "sent.",
    ),
    row(
        _MICROSOFT, Where.SENDING, "432 4.3.2 Concurrent connections limit exceeded", r"Concurrent connections limit",
        "Microsoft takes three connections of a mailbox at once.", "Set Sessions on the server to 3 or fewer.",
        is_temporary=True,
    ),
    row(
        _GOOGLE, Where.SENDING, "550 5.4.5 Daily user sending limit exceeded",
        r"Daily user sending (limit|quota)|Daily SMTP relay",
        "The account's limit of recipients a day at Google is reached.",
        "It goes on after 24 hours; enter the limit on the server under Limits, or use Google's relay or a service for "
        "bulk mail.",
    ),
    row(
        _GOOGLE, Where.SENDING, "550 5.7.1 Invalid credentials for relay",
        r"Invalid credentials for relay|Mail relay denied",
        "Google's relay does not know this machine's address, or not the sender's domain.",
        "An administrator enters the address in the Google Admin console under Apps, Google Workspace, Gmail, Routing, "
        "SMTP relay service, and allows the senders.", "host",
    ),
    row(
        _GOOGLE, Where.SENDING, "550 5.7.26 … blocked because the sender is unauthenticated",
        r"5\.7\.26.*(unauthenticated|DMARC|SPF|DKIM)",
        "Gmail takes no mail of a domain that proves itself neither by SPF nor by DKIM.",
        "Publish SPF and DKIM for the outgoing server: Domains shows the records to copy.", "sender",
    ),
    row(
        "Postfix", Where.SENDING, "553 5.7.1 Sender address rejected: not owned by user",
        r"Sender address rejected: not (owned by user|logged in)",
        "The server lets this login send only as its own addresses.",
        "Let its administrator add the address to the login, or set the server's FROM filter to one that it owns.",
        "sender",
    ),
    # ---- The provider's login page, and the way back from it ----
    row(
        _GOOGLE, Where.BROWSER, "Error 403: access_denied (the app is being tested)",
        r"403: access_denied|has not completed the Google verification process|being tested",
        "The app is in testing at Google, and this account is none of its test users.",
        "In the Google Cloud console under Google Auth Platform, Audience: add the account to the test users, publish "
        "the "
        "app, or make it Internal. In testing a connection ends after 7 days.", "user",
    ),
    row(
        _GOOGLE, Where.BROWSER, "Error 400: redirect_uri_mismatch", r"redirect_uri_mismatch",
        "The redirect URI is not registered for the client, or the client is not of the type Web Application.",
        "Make the OAuth client with the type Web Application, and copy the redirect URI that the credential shows, "
        "letter "
        "by letter, to its authorized redirect URIs; web.base.url must be the address that people use.", "client_id",
    ),
    row(
        _ANY, Where.BROWSER, "403 Forbidden on the way back from the login page", r"403:? Forbidden|^Forbidden\b",
        "The session or the state of this login is gone: it was begun in another browser or under another address of "
        "Odoo, was over already, or the addon was updated and not upgraded.",
        "Open Odoo under the address that web.base.url names, log in, and press Connect again; after an update upgrade "
        "the addon under Apps first.",
    ),
    row(
        _MICROSOFT, Where.BROWSER, "AADSTS50020, AADSTS700016, AADSTS90002 (wrong tenant)",
        r"AADSTS(50020|700016|90002|900023|50194)\b",
        f"Wrong tenant. {_TENANT.text}", _TENANT.cure, "tenant",
    ),
    row(
        _MICROSOFT, Where.BROWSER, "AADSTS50011 (redirect URI)", r"AADSTS50011\d?\b",
        NUMBERS["50011"].text, NUMBERS["50011"].cure, "client_id",
    ),
)  # fmt: skip



def find_cure(text: str, host: str = "", *where: Where) -> Cure | None:
    """Return the first row that fits what was said, None when none does.

    Args:
        text: the server's answer with its code in front, of any length.
        host: the server's name; "" where it is not known, which leaves out rows that need it.
        where: only rows of these moments; none: of all.
    """
    text, host = " ".join(text[:_LONGEST].split()), host.strip().rstrip(".")
    for known in CURES:
        if where and known.where not in where:
            continue
        if known.hosts and not known.hosts.search(host):
            continue
        if known.pattern.search(text):
            return known
    return None
