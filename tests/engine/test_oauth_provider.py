# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.errors import ConfigurationError
from ...engine.oauth_provider import OAUTH_PROVIDERS
from .case import EngineCase

MICROSOFT, GOOGLE, OTHER = (OAUTH_PROVIDERS[code] for code in ("microsoft", "google", "other"))
REDIRECT = "https://odoo.example.test/confirm"


class TestOAuthProvider(EngineCase):
    def test_the_paths_of_the_guides(self):
        paths = {code: provider.redirect_path for code, provider in OAUTH_PROVIDERS.items()}
        self.assertEqual(
            paths,
            {
                "google": "/google_gmail/confirm",
                "microsoft": "/microsoft_outlook/confirm",
                "other": "/spp_email_gateway/oauth/confirm",
            },
        )

    def test_what_is_asked_for(self):
        for provider, grant, tenant, scopes, token_url in (
            (GOOGLE, "code", "", "https://mail.google.com/", "https://oauth2.googleapis.com/token"),
            (
                MICROSOFT,
                "code",
                "",
                "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/POP.AccessAsUser.All "
                "https://outlook.office.com/SMTP.Send offline_access",
                "https://login.microsoftonline.com/organizations/oauth2/v2.0/token",
            ),
            (
                MICROSOFT,
                "client",
                " example.org ",
                "https://outlook.office365.com/.default",
                "https://login.microsoftonline.com/example.org/oauth2/v2.0/token",
            ),
            (OTHER, "client", "", "", ""),
        ):
            with self.subTest(f"{provider.code} {grant}"):
                client = provider.client(" id ", " secret\n", REDIRECT, grant=grant, tenant=tenant)
                self.assertEqual((client.client_id, client.client_secret), ("id", "secret"))
                self.assertEqual((client.scopes, client.token_url), (scopes, token_url))

    def test_what_a_person_typed_goes_first(self):
        client = OTHER.client(
            "id",
            "secret",
            REDIRECT,
            scopes=" a\n b ",
            authorize_url="https://id.example.test/{tenant}/login",
            token_url=" https://id.example.test/token ",
            tenant="realm",
        )
        self.assertEqual(client.scopes, "a b")
        self.assertEqual(client.authorize_url, "https://id.example.test/realm/login")
        self.assertEqual(client.token_url, "https://id.example.test/token")

    def test_tenants(self):
        for tenant, grant, words in (
            ("example.org/../evil", "code", "The tenant is a domain such as"),
            ("a?b", "code", "The tenant is a domain such as"),
            ("example.org@evil.test", "code", "The tenant is a domain such as"),
            ("a\n", "code", ""),
            ("..", "code", "The tenant is a domain such as"),
            ("x" * 300, "code", "The tenant is a domain such as"),
            ("72f988bf-86f1-41af-91ab-2d7cd011db47", "client", ""),
            ("common", "code", ""),
            ("common", "client", "An application that logs in without a person needs"),
            ("Organizations", "client", "An application that logs in without a person needs"),
            ("", "client", "An application that logs in without a person needs"),
        ):
            with self.subTest(tenant=tenant, grant=grant):
                if not words:
                    MICROSOFT.client("id", "s", REDIRECT, tenant=tenant, grant=grant)
                    continue
                with self.assertRaises(ConfigurationError) as caught:
                    MICROSOFT.client("id", "s", REDIRECT, tenant=tenant, grant=grant)
                self.assertIn(words, str(caught.exception))
                self.assertEqual(caught.exception.field, "tenant")

    def test_google_has_no_login_of_an_application_alone(self):
        with self.assertRaises(ConfigurationError) as caught:
            GOOGLE.client("id", "s", REDIRECT, grant="client")
        self.assertEqual(caught.exception.field, "grant")
