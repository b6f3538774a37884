# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is known of mail providers: where their servers are, who one is there, what the secret is, what they allow.

A limit stands here only where the provider publishes one that holds for all its accounts, or for the smallest; what
depends on the plan is left to whoever knows the plan.
"""

from __future__ import annotations

from dataclasses import dataclass

from .connection import Security
from .quota import QuotaUnit, Window


@dataclass(frozen=True, slots=True)
class MailHost:
    """A server of a provider; `host` is "" or holds "<…>" where a part of it has to be put in by a person."""

    host: str
    port: int
    security: Security


@dataclass(frozen=True, slots=True)
class Provider:
    """Attributes:
    code: stable name, stored.
    outgoing, incoming: None where the provider has no such server (IMAP is meant).
    user: the user name where it is the same for everybody, else "".
    has_login: False for relays that know the sender's server by its IP address.
    secret: what goes into user name and password, and where it is made.
    advice: what else has to be known.
    limits: what the provider lets an account send; see the module.
    """

    code: str
    name: str
    outgoing: MailHost | None
    secret: str
    incoming: MailHost | None = None
    user: str = ""
    has_login: bool = True
    advice: str = ""
    limits: tuple[tuple[Window, int], ...] = ()
    unit: QuotaUnit = QuotaUnit.RECIPIENTS


_TLS, _STARTTLS = Security.TLS, Security.STARTTLS
_GOOGLE_SECRET = (
    "The user name is the whole address. The password is an app password of 16 characters, made at "
    "myaccount.google.com/apppasswords once two-step verification is on; the account's own password is refused. "
    "OAuth is the other way: choose an OAuth credential in place of the password."
)
_MICROSOFT_SECRET = (
    "Microsoft asks for OAuth: choose an OAuth credential in place of the password. A "
    "password works only where the organization's administrator still allows authenticated SMTP for the mailbox."
)

_PROVIDERS = (
    Provider(
        "gmail",
        "Gmail or Google Workspace mailbox",
        MailHost("smtp.gmail.com", 587, _STARTTLS),
        _GOOGLE_SECRET,
        MailHost("imap.gmail.com", 993, _TLS),
        advice="Google counts each recipient over 24 hours: 500 for Gmail, up to 2,000 for a Workspace mailbox. "
        "Whoever goes over the limit is locked out for a day.",
        limits=((Window.DAY, 500),),
    ),
    Provider(
        "google_relay",
        "Google Workspace relay (no login)",
        MailHost("smtp-relay.gmail.com", 587, _STARTTLS),
        "No user name and no password: Google knows this server by its public IP address, which an administrator "
        "enters at admin.google.com under Apps, Google Workspace, Gmail, Routing, SMTP relay service.",
        has_login=False,
        advice="Google allows 10,000 recipients a user over 24 hours, and fewer during a trial. An administrator also "
        "chooses there which senders are allowed.",
        limits=((Window.DAY, 10_000),),
    ),
    Provider(
        "microsoft",
        "Microsoft 365 mailbox",
        MailHost("smtp.office365.com", 587, _STARTTLS),
        _MICROSOFT_SECRET,
        MailHost("outlook.office365.com", 993, _TLS),
        advice="Microsoft allows 10,000 recipients over 24 hours and 30 messages a minute for each mailbox; an "
        "organization may have a lower limit for recipients outside of it.",
        limits=((Window.DAY, 10_000), (Window.MINUTE, 30)),
    ),
    Provider(
        "microsoft_relay",
        "Microsoft 365 relay (no login)",
        MailHost("<tenant>.mail.protection.outlook.com", 25, _STARTTLS),
        "No user name and no password: Microsoft knows this server by its public IP address, for which an "
        "administrator makes a connector in the Exchange admin center, under Mail flow, Connectors.",
        has_login=False,
        advice="The server's name is the MX record of your domain, such as "
        "your-domain-org.mail.protection.outlook.com. Port 25 must be open on the way out; many hosts block it.",
    ),
    Provider(
        "mailjet",
        "Mailjet",
        MailHost("in-v3.mailjet.com", 587, _STARTTLS),
        "The user name is the API key and the password the secret key, both under Account settings, API key "
        "management.",
        advice="Each sender address or its domain must be verified at Mailjet first. What the plan allows a day "
        "stands there: enter it under Limits.",
    ),
    Provider(
        "ses",
        "Amazon SES",
        MailHost("email-smtp.<region>.amazonaws.com", 587, _STARTTLS),
        "SMTP credentials, made in the SES console under SMTP settings for one region; an access key of AWS is "
        "refused.",
        advice="Put your region into the server's name, such as email-smtp.eu-west-1.amazonaws.com. A new account is "
        "in the sandbox: 200 messages over 24 hours, to verified addresses only. Amazon counts each recipient; your "
        "quota stands in the console: enter it under Limits.",
    ),
    Provider(
        "sendgrid",
        "SendGrid",
        MailHost("smtp.sendgrid.net", 587, _STARTTLS),
        "The user name is the word apikey. The password is an API key with the permission to send mail, made under "
        "Settings, API Keys.",
        user="apikey",
        advice="The sender or its domain must be verified at SendGrid first. What the plan allows stands there.",
    ),
    Provider(
        "mailgun",
        "Mailgun",
        MailHost("smtp.mailgun.org", 587, _STARTTLS),
        "SMTP credentials of the sending domain, made under Domain settings, SMTP credentials; the user name is an "
        "address such as postmaster@mg.your-domain.org. An API key is refused.",
        advice="Domains in Mailgun's European region use smtp.eu.mailgun.org.",
    ),
    Provider(
        "brevo",
        "Brevo",
        MailHost("smtp-relay.brevo.com", 587, _STARTTLS),
        "Login and SMTP key stand under Settings, SMTP & API, SMTP. An API key is refused.",
        advice="The sender or its domain must be verified at Brevo first. What the plan allows a day stands there: "
        "enter it under Limits.",
    ),
    Provider(
        "postmark",
        "Postmark",
        MailHost("smtp.postmarkapp.com", 587, _STARTTLS),
        "The Server API token is user name and password both; it stands in the server's settings under API Tokens.",
        advice="This address is for mail to single people. Mass mailings go through a broadcast stream: "
        "smtp-broadcasts.postmarkapp.com, as a server of its own for mass mailings only.",
    ),
    Provider(
        "zoho",
        "Zoho Mail",
        MailHost("smtppro.zoho.com", 465, _TLS),
        "The user name is the whole address. With two-factor authentication the password is an application-specific "
        "one, made under My Account, Security.",
        MailHost("imappro.zoho.com", 993, _TLS),
        advice="Accounts of other regions end otherwise, such as smtppro.zoho.eu; personal addresses use "
        "smtp.zoho.com and imap.zoho.com.",
    ),
    Provider(
        "ovh",
        "OVHcloud",
        MailHost("ssl0.ovh.net", 465, _TLS),
        "The user name is the whole address, and the password that of the mailbox.",
        MailHost("ssl0.ovh.net", 993, _TLS),
        advice="This is for MX Plan and mailboxes of a hosting plan. Exchange and Email Pro have servers of their "
        "own, named in the control panel.",
    ),
    Provider(
        "infomaniak",
        "Infomaniak",
        MailHost("mail.infomaniak.com", 465, _TLS),
        "The user name is the whole address, and the password that of the mailbox, or of a device made for it in the "
        "Manager.",
        MailHost("mail.infomaniak.com", 993, _TLS),
        advice="Infomaniak counts each recipient over 24 hours: 1,440, and 100 for the smallest plan.",
        limits=((Window.DAY, 1440),),
    ),
    Provider(
        "generic",
        "Another provider",
        None,
        "User name and password are those of the mailbox, unless the provider says otherwise.",
    ),
)
PROVIDERS = {provider.code: provider for provider in _PROVIDERS}
# Domains that give mailboxes to everybody, and the provider behind them where it is one of the above.
_PUBLIC_DOMAINS = {
    **dict.fromkeys(("gmail.com", "googlemail.com"), "gmail"),
    **dict.fromkeys(("outlook.com", "hotmail.com", "live.com", "msn.com"), "microsoft"),
    **dict.fromkeys(
        (
            "yahoo.com",
            "ymail.com",
            "aol.com",
            "icloud.com",
            "me.com",
            "gmx.com",
            "gmx.net",
            "gmx.de",
            "web.de",
            "mail.com",
            "proton.me",
            "protonmail.com",
            "yandex.com",
            "zohomail.com",
            "orange.fr",
            "free.fr",
            "laposte.net",
        ),
        "",
    ),
}


def is_public_domain(domain: str) -> bool:
    """Return whether a domain gives mailboxes to everybody, so that it is nobody's own."""
    return domain.lower() in _PUBLIC_DOMAINS


def provider_of_domain(domain: str) -> str:
    """Return the code of the provider whose mailboxes end in this domain; "" where the domain alone does not say."""
    return _PUBLIC_DOMAINS.get(domain.lower(), "")


def provider_of_host(*hosts: str) -> str:
    """Return the code of the provider that one of these servers belongs to; "" for none that is known."""
    wanted = {host.lower() for host in hosts} - {""}
    for provider in _PROVIDERS:
        if wanted & {server.host for server in (provider.outgoing, provider.incoming) if server}:
            return provider.code
    return ""


def describe_provider(provider: Provider) -> str:
    """Return what a person has to know to fill in the rest, a line each."""
    return "\n".join(filter(None, (provider.secret, provider.advice)))
