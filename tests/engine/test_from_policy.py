# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.from_policy import (
    FromPolicy,
    FromSettings,
    SendingServer,
    general_from,
    is_address,
    is_placeholder,
    server_from,
    with_address,
)
from .case import EngineCase

DOMAINS = frozenset({"ours.org"})
REWRITE, FORCE, KEEP, ODOO = FromPolicy.REWRITE, FromPolicy.FORCE, FromPolicy.KEEP, FromPolicy.ODOO


class TestFromPolicy(EngineCase):
    def test_what_holds_for_all_servers_in_its_order(self):
        full = {"default_from": "note@ours.org", "overwrites_all": True}
        for expected, sender, settings in (
            ("", "x@c.org", {}),
            ("", "x@c.org", {"default_from": "note@ours.org"}),
            ("all@ours.org", "x@c.org", {"force": "all@ours.org"}),
            ("all@ours.org", "ann@ours.org", {"force": "all@ours.org"}),
            ("all@ours.org", "x@c.org", {"force": "all@ours.org", "dynamic": "dyn@ours.org", **full}),
            ("note@ours.org", "x@c.org", full),
            ("note@ours.org", "ann@ours.org", full),
            ("note@ours.org", "x@c.org", {"dynamic": "dyn@ours.org", **full}),
            ("dyn@ours.org", "x@c.org", {"dynamic": "dyn@ours.org"}),
            ("ann@ours.org", "ann@ours.org", {"dynamic": "dyn@ours.org"}),
            ("dyn@ours.org", "ann@sub.ours.org", {"dynamic": "dyn@ours.org"}),
            ("dyn@ours.org", "", {"dynamic": "dyn@ours.org"}),
            # A placeholder is passed over wherever it stands.
            ("note@ours.org", "x@c.org", {"force": "all@example.com", **full}),
            ("", "x@c.org", {"dynamic": "dyn@example.org"}),
        ):
            with self.subTest(sender=sender, settings=settings):
                decision = general_from(sender, FromSettings(domains=DOMAINS, **settings))
                self.assertEqual(decision.address, expected, decision.steps)

    def test_our_own_domain_that_is_a_placeholder_is_replaced(self):
        settings = FromSettings(dynamic="dyn@ours.org", domains=frozenset({"example.com"}))
        self.assertEqual(general_from("x@example.com", settings).address, "dyn@ours.org")

    def test_the_policy_of_the_server(self):
        filtered = {"from_filter": ("c.org", ".d.org")}
        note = {"default_from": "note@ours.org"}
        user = {"user_name": "relay@c.org"}
        for expected, sender, policy, server, settings in (
            ("", "x@c.org", ODOO, {}, note),
            ("x@c.org", "x@c.org", KEEP, {}, note),
            ("x@c.org", "x@c.org", REWRITE, filtered, note),
            ("x@b.d.org", "x@b.d.org", REWRITE, filtered, note),
            ("note@ours.org", "x@e.org", REWRITE, filtered, note),
            # A server without filter does not allow an address, it only does not refuse any.
            ("note@ours.org", "x@c.org", REWRITE, {}, note),
            ("ann@ours.org", "ann@ours.org", REWRITE, {}, note),
            ("note@ours.org", "ann@sub.ours.org", REWRITE, {}, note),
            ("note@ours.org", "ann@ours.org", FORCE, filtered, note),
            ("relay@c.org", "x@e.org", REWRITE, user, {}),
            ("relay@c.org", "x@c.org", FORCE, user, {}),
            ("note@ours.org", "x@e.org", REWRITE, user, note),
            ("box@ours.org", "x@e.org", REWRITE, {"address": "box@ours.org", **user}, note),
            ("x@e.org", "x@e.org", REWRITE, {"user_name": "apikey"}, {}),
            ("x@e.org", "x@e.org", FORCE, {}, {}),
            ("note@ours.org", "", KEEP, {}, note),
            ("", "", REWRITE, {}, {}),
        ):
            with self.subTest(sender=sender, policy=policy, server=server, settings=settings):
                decision = server_from(
                    sender, SendingServer(policy, **server), FromSettings(domains=DOMAINS, **settings)
                )
                self.assertEqual(decision.address, expected, decision.steps)

    def test_a_placeholder_is_never_sent_as_when_there_is_anything_else(self):
        for expected, policy, server, settings in (
            ("note@ours.org", KEEP, {}, {"default_from": "note@ours.org"}),
            ("note@ours.org", REWRITE, {"from_filter": ("example.com",)}, {"default_from": "note@ours.org"}),
            ("relay@c.org", REWRITE, {"user_name": "relay@c.org"}, {"default_from": "note@example.com"}),
            ("relay@c.org", REWRITE, {"user_name": "relay@c.org", "address": "a@b.invalid"}, {}),
            ("admin@example.com", KEEP, {}, {}),
            ("admin@example.com", FORCE, {"user_name": "u@localhost"}, {"default_from": "note@example.com"}),
        ):
            with self.subTest(policy=policy, server=server, settings=settings):
                settings = FromSettings(domains=frozenset({"example.com"}), **settings)
                decision = server_from("admin@example.com", SendingServer(policy, **server), settings)
                self.assertEqual(decision.address, expected, decision.steps)

    def test_a_personal_server_sends_as_its_owner(self):
        server = SendingServer(FORCE, ("ann@a.org",), personal=True)
        self.assertEqual(server_from("ann@a.org", server, FromSettings(default_from="n@o.org")).address, "ann@a.org")

    def test_the_steps_say_why(self):
        settings = FromSettings(dynamic="dyn@ours.org", domains=DOMAINS)
        step = general_from("x@c.org", settings).steps[-1]
        self.assertEqual(
            (step.looked_at, step.found, step.followed),
            ("mail.dynamic.smtp.from", "the From is of no alias domain of ours", "dyn@ours.org used"),
        )
        step = server_from("x@c.org", SendingServer(REWRITE), FromSettings(default_from="n@ours.org")).steps[-1]
        self.assertEqual(
            (step.looked_at, step.found, step.followed),
            ("policy of the server: Replace addresses that are not ours", "Default From: n@ours.org", "used"),
        )

    def test_the_name_is_kept(self):
        for email_from, expected in (
            ('"Ann Lee" <ann@a.org>', '"Ann Lee" <n@o.org>'),
            ("Ann Lee <ann@a.org>", '"Ann Lee" <n@o.org>'),
            ("ann@a.org", '"ann" <n@o.org>'),
            ("", "n@o.org"),
            ("Zoë Ünal <z@a.org>", '"Zoë Ünal" <n@o.org>'),
            ('"Lee, \\"Ann\\"" <ann@a.org>', '"Lee, \\"Ann\\"" <n@o.org>'),
            ('"back\\\\slash" <a@a.org>', '"back\\\\slash" <n@o.org>'),
            ("Ann <ann@a.org>, Ben <ben@a.org>", '"Ann" <n@o.org>'),
            ('"Ann\r\nBcc: x@y.org" <ann@a.org>', '"Ann Bcc: x@y.org" <n@o.org>'),
            ('"Ann ann@b.org" <ann@a.org>', '"Ann ann@b.org" <n@o.org>'),
        ):
            with self.subTest(email_from=email_from):
                self.assertEqual(" ".join(with_address(email_from, "n@o.org").split()), expected)

    def test_which_domains_are_placeholders(self):
        for address, expected in (
            ("a@example.com", True),
            ("a@EXAMPLE.org", True),
            ("a@b.invalid", True),
            ("a@localhost", True),
            ("a@b.localhost", True),
            ("a@mycompany.example.com", False),
            ("a@example.test", False),
            ("a@myexample.com", False),
            ("", False),
        ):
            with self.subTest(address=address):
                self.assertIs(is_placeholder(address), expected)

    def test_what_is_one_bare_address(self):
        for value, expected in (
            ("note@ours.org", True),
            ("Note.1+x@Ours.org", True),
            ("note@mail", True),
            ("nöte@öurs.org", True),
            ("note", False),
            ("@ours.org", False),
            ("note@", False),
            ("note@.ours.org", False),
            ("note@ours..org", False),
            ("a@b@c", False),
            ("a@b.org, c@d.org", False),
            ("Note <note@ours.org>", False),
            ("note @ours.org", False),
            ("note@ours.org\nBcc: x", False),
            ("", False),
        ):
            with self.subTest(value=value):
                self.assertIs(is_address(value), expected)
