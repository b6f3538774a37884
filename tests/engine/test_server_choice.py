# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from itertools import permutations

from ...engine.server_choice import Candidate, Server, admits, choose_server, in_order, names
from .case import EngineCase


def bare(address):
    return address.rpartition("<")[2].rstrip(">").lower()


def server(number, *from_filter, priority=10, name="", personal=False, company=None):
    return Server(number, priority, name, from_filter, personal, company)


class TestServerChoice(EngineCase):
    def check(self, expected, email_from, *servers, notification="", configuration=(), company=None):
        """`expected` is (server id, From); the order in which servers come must not matter."""
        for order in permutations(servers):
            choice = choose_server(
                email_from,
                order,
                normalize=bare,
                notification_address=notification,
                configuration_filter=configuration,
                company_id=company,
            )
            self.assertEqual((choice.server_id, choice.email_from), expected, choice.steps)
        return choice

    def check_alternatives(self, expected, email_from, *servers, **settings):
        """`expected` is the chosen server's id, then an id or (id, From) for each further one."""
        choice = self.check(
            (expected[0], settings.pop("chosen_from", email_from)), email_from, *servers, **settings
        )
        wanted = [one if isinstance(one, tuple) else (one, choice.email_from) for one in expected[1:]]
        self.assertEqual(list(choice.alternatives), [Candidate(*one) for one in wanted])

    def test_the_rules_in_their_order(self):
        exact, domain = server(1, "ann@a.org"), server(2, "a.org", priority=1)
        note = server(3, "note@n.org", priority=1)
        free, other = server(4, priority=1), server(5, "b.org", priority=0)
        for expected, email_from, servers, notification in (
            ((1, "Ann <ann@a.org>"), "Ann <ann@a.org>", (exact, domain, free), ""),
            ((2, "ben@a.org"), "ben@a.org", (exact, domain, free), ""),
            ((1, "ANN@A.ORG"), "ANN@A.ORG", (exact, domain), ""),
            ((3, "note@n.org"), "x@c.org", (note, free), "note@n.org"),
            ((4, "x@c.org"), "x@c.org", (other, free), ""),
            ((4, "note@n.org"), "x@c.org", (other, free), "note@n.org"),
            ((5, "x@c.org"), "x@c.org", (other, exact), ""),
            ((5, "note@n.org"), "x@c.org", (other, exact), "note@n.org"),
            ((4, ""), "", (free,), ""),
            ((3, "note@n.org"), "", (note, free), "note@n.org"),
            ((None, "x@c.org"), "x@c.org", (), ""),
        ):
            with self.subTest(email_from=email_from, servers=[one.id for one in servers]):
                self.check(expected, email_from, *servers, notification=notification)

    def test_a_subdomain_is_another_domain(self):
        self.check((2, "x@sub.a.org"), "x@sub.a.org", server(1, "a.org", priority=1), server(2, priority=9))

    def test_an_entry_with_subdomains(self):
        wide, near, plain = server(1, ".a.org", priority=1), server(2, ".sub.a.org", priority=2), server(3, "a.org")
        for expected, email_from, servers in (
            (1, "x@a.org", (wide, near)),
            (3, "x@a.org", (wide, plain)),
            (1, "x@b.a.org", (wide, near, plain)),
            (2, "x@sub.a.org", (wide, near, plain)),
            (2, "x@b.sub.a.org", (wide, near, plain)),
            (4, "x@ba.org", (wide, near, plain, server(4))),
            (4, "x@b.a.org", (wide, server(4, "b.a.org", priority=9))),
            (4, "x@b.a.org", (wide, server(4, "x@b.a.org", priority=9))),
        ):
            with self.subTest(email_from=email_from, servers=[one.id for one in servers]):
                self.check((expected, email_from), email_from, *servers)

    def test_servers_of_another_company_are_no_candidates(self):
        ours, theirs, everybodys = server(1, company=7), server(2, "c.org", company=8), server(3, priority=99)
        for expected, company in ((1, 7), (2, 8), (3, 9), (2, None)):
            with self.subTest(company=company):
                self.check((expected, "x@c.org"), "x@c.org", ours, theirs, everybodys, company=company)
        self.check((None, "x@c.org"), "x@c.org", theirs, company=7)

    def test_what_was_left_out_is_said(self):
        choice = self.check((1, "x@c.org"), "x@c.org", server(1), server(2, company=8), company=7)
        self.assertEqual(
            (choice.steps[0].looked_at, choice.steps[0].found, choice.steps[0].followed),
            ("company of the servers", "1 of others", "left out"),
        )

    def test_alternatives_are_further_servers_that_may_send_this_from(self):
        exact, domain = server(1, "ann@a.org"), server(2, "a.org", priority=1)
        wide, free = server(3, ".a.org", priority=0), server(4, priority=0)
        free2, foreign = server(5), server(6, "b.org", priority=0)
        note, note2 = server(7, "note@n.org"), server(8, "n.org")
        to_n = {"notification": "note@n.org"}
        for expected, email_from, servers, settings in (
            ((1,), "ann@a.org", (exact, foreign), {}),
            ((1, 2), "ann@a.org", (exact, domain, foreign), {}),
            ((1, 2, 3, 4), "Ann <ann@a.org>", (exact, domain, wide, free), {}),
            # Without a filter Odoo takes the notification address; the server's own policy comes after that.
            ((2, (4, "note@n.org")), "x@a.org", (domain, free, note), to_n),
            ((7, 8, 4), "x@c.org", (note, note2, free, foreign), {**to_n, "chosen_from": "note@n.org"}),
            ((4, 5), "x@c.org", (free, free2, foreign), {}),
            ((6,), "x@c.org", (foreign, domain), {}),
        ):
            with self.subTest(email_from=email_from, servers=[one.id for one in servers]):
                self.check_alternatives(expected, email_from, *servers, **settings)

    def test_a_personal_server_is_replaced_only_by_one_that_names_its_address(self):
        personal = server(1, "ann@a.org", priority=0, personal=True)
        other = server(2, "ben@a.org", personal=True)
        self.check_alternatives((1,), "ann@a.org", personal, other, server(3))
        self.check_alternatives((1, 3), "ann@a.org", personal, other, server(3, "a.org"), server(4))
        # Nor does a personal one take the place of a shared one.
        self.check_alternatives((3,), "ben@c.org", server(3), personal)

    def test_priority_then_name_then_id(self):
        for first, second in (
            (server(2, priority=1, name="b"), server(1, priority=2, name="a")),
            (server(2, priority=1, name="a"), server(1, priority=1, name="b")),
            (server(1, priority=1, name="a"), server(2, priority=1, name="a")),
        ):
            with self.subTest(first=first, second=second):
                self.assertEqual(in_order([second, first]), [first, second])
                self.check((first.id, "x@c.org"), "x@c.org", first, second)

    def test_a_personal_server_serves_only_mail_that_names_it(self):
        personal, free = server(1, "ann@a.org", priority=0, personal=True), server(2, priority=9)
        self.check((1, "ann@a.org"), "ann@a.org", personal, free)
        self.check((2, "ben@a.org"), "ben@a.org", personal, free)
        self.check((None, "ben@a.org"), "ben@a.org", personal)
        # Not even for the notification address, which is nobody's own.
        self.check((None, "ann@a.org"), "ben@b.org", personal, notification="ann@a.org", configuration=("a.org",))

    def test_the_configuration_file_is_the_last_resort(self):
        for expected, email_from, notification, configuration, is_fallback in (
            ((None, "x@c.org"), "x@c.org", "", (), False),
            ((None, "x@c.org"), "x@c.org", "note@n.org", (), False),
            ((None, "x@c.org"), "x@c.org", "note@n.org", ("c.org",), False),
            ((None, "note@n.org"), "x@c.org", "note@n.org", ("n.org",), False),
            ((None, "note@n.org"), "x@c.org", "note@n.org", ("z.org",), True),
            ((None, "x@c.org"), "x@c.org", "", ("z.org",), True),
        ):
            with self.subTest(email_from=email_from, notification=notification, configuration=configuration):
                choice = self.check(expected, email_from, notification=notification, configuration=configuration)
                self.assertIs(choice.is_fallback, is_fallback)

    def test_a_server_whose_filter_does_not_match_is_called_a_fallback(self):
        self.assertTrue(self.check((1, "x@c.org"), "x@c.org", server(1, "a.org")).is_fallback)
        self.assertFalse(self.check((1, "x@a.org"), "x@a.org", server(1, "a.org")).is_fallback)

    def test_the_steps_explain_the_choice(self):
        choice = choose_server("x@c.org", [server(4)], normalize=bare)
        self.assertEqual(
            [(step.looked_at, step.found, step.followed) for step in choice.steps],
            [
                ("address of the From in a FROM filter", "no server", "next rule"),
                ("domain of the From in a FROM filter", "no server", "next rule"),
                ("notification address", "none", "skipped"),
                ("first server without a FROM filter", "server 4", "chosen"),
            ],
        )

    def test_what_a_filter_admits(self):
        for from_filter, address, expected in (
            ((), "x@c.org", True),
            (("c.org",), "x@c.org", True),
            (("x@c.org",), "x@c.org", True),
            (("y@c.org",), "x@c.org", False),
            (("org",), "x@c.org", False),
            (("b.org", "c.org"), "x@c.org", True),
        ):
            with self.subTest(from_filter=from_filter, address=address):
                self.assertIs(admits(from_filter, address), expected)

    def test_which_addresses_a_filter_names(self):
        for from_filter, address, expected in (
            ((), "x@c.org", False),
            (("c.org",), "x@c.org", True),
            ((".c.org",), "x@c.org", True),
            ((".c.org",), "x@b.c.org", True),
            ((".c.org",), "x@bc.org", False),
            (("c.org",), "x@b.c.org", False),
            ((".org",), "x@c.org", True),
            ((".",), "x@c.org", False),
            ((".c.org",), "x@" + "a." * 200 + "c.org", False),
        ):
            with self.subTest(from_filter=from_filter, address=address):
                self.assertIs(names(from_filter, address), expected)
