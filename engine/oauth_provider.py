# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is known of OAuth providers: where one logs in, where tokens come from, what has to be asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import ConfigurationError
from .oauth_client import OAuthClient

# A GUID, a domain, or one of Microsoft's words. Anything else would change where the URL leads.
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,251}\Z")
# With these Microsoft lets accounts of any organization log in; an application alone has no organization there.
SHARED_TENANTS = ("common", "organizations", "consumers")


@dataclass(frozen=True, slots=True)
class OAuthProvider:
    """Attributes:
    code: stable name, stored.
    authorize_url, token_url: may hold "{tenant}"; "" where a person has to type them.
    revoke_url: where a token is given back (RFC 7009), "" where the provider has no such place.
    scopes: what is asked for with a person's consent, separated by spaces.
    client_scopes: what is asked for with client credentials.
    redirect_path: where the provider sends the browser back to, below this system's address.
    grants: "code" (a person logs in), "client" (the application alone).
    parameters: what else the login page is asked with.
    mechanism: what the provider's mail servers want a token in; "" lets them choose.
    tenant: what stands in for "{tenant}" where nothing was typed.
    idle_days: after so many days without use a refresh token dies; 0 where nobody knows.
    setup_url: where the application is registered.
    """

    code: str
    name: str
    authorize_url: str
    token_url: str
    scopes: str
    redirect_path: str
    client_scopes: str = ""
    revoke_url: str = ""
    grants: tuple[str, ...] = ("code", "client")
    parameters: Mapping[str, str] = field(default_factory=dict)
    mechanism: str = ""
    tenant: str = ""
    idle_days: int = 0
    setup_url: str = ""

    def client(
        self,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        *,
        grant: str = "code",
        tenant: str = "",
        scopes: str = "",
        authorize_url: str = "",
        token_url: str = "",
    ) -> OAuthClient:
        """Return the client for one registered application; "" leaves what the provider has.

        Raises:
            ConfigurationError: the tenant is none, or the grant is not for this provider.
        """
        if grant not in self.grants:
            raise ConfigurationError(f"{self.name} knows no login of an application alone.", field="grant")
        tenant = (tenant or self.tenant).strip()
        if grant == "client" and tenant.lower() in SHARED_TENANTS:
            raise ConfigurationError(
                "An application that logs in without a person needs your organization's own tenant: its domain or "
                "its directory (tenant) ID.",
                field="tenant",
            )
        return OAuthClient(
            client_id.strip(),
            client_secret.strip(),
            _with_tenant(authorize_url or self.authorize_url, tenant),
            _with_tenant(token_url or self.token_url, tenant),
            " ".join((scopes or (self.client_scopes if grant == "client" else self.scopes)).split()),
            redirect_uri,
            revoke_url=self.revoke_url,
            parameters=dict(self.parameters),
        )


def _with_tenant(url: str, tenant: str) -> str:
    if "{tenant}" not in url:
        return url.strip()
    if not _TENANT.match(tenant):
        raise ConfigurationError(
            "The tenant is a domain such as your-organization.org, or the directory (tenant) ID.", field="tenant"
        )
    return url.strip().replace("{tenant}", tenant)


_MICROSOFT = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0"
_PROVIDERS = (
    OAuthProvider(
        "google",
        "Google",
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        # The one scope that Google takes for IMAP, POP and SMTP.
        "https://mail.google.com/",
        "/google_gmail/confirm",
        revoke_url="https://oauth2.googleapis.com/revoke",
        grants=("code",),
        # Without both of them there is no refresh token where the account once consented.
        parameters={"access_type": "offline", "prompt": "consent"},
        mechanism="XOAUTH2",
        idle_days=180,
        setup_url="https://console.cloud.google.com/auth/clients",
    ),
    OAuthProvider(
        "microsoft",
        "Microsoft",
        f"{_MICROSOFT}/authorize",
        f"{_MICROSOFT}/token",
        "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/POP.AccessAsUser.All "
        "https://outlook.office.com/SMTP.Send offline_access",
        "/microsoft_outlook/confirm",
        client_scopes="https://outlook.office365.com/.default",
        # Who is logged in at Microsoft already is seldom who the mailbox belongs to.
        parameters={"response_mode": "query", "prompt": "select_account"},
        mechanism="XOAUTH2",
        tenant="organizations",
        idle_days=90,
        setup_url="https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade",
    ),
    OAuthProvider("other", "Another provider", "", "", "", "/spp_email_gateway/oauth/confirm"),
)
OAUTH_PROVIDERS = {provider.code: provider for provider in _PROVIDERS}
