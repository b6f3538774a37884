# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is said of a domain's records, against a DNS server on loopback."""

import time
import unittest

from ...engine.dns_asking import Asking
from ...engine.dns_look import ADDRESS, DomainQuestion, look
from ...engine.dns_record import NeededRecord, RecordKind, worst
from ...engine.dns_spf import merge
from .name_server import NameServer
from .zones import KEY, good_zone, text

DOMAIN = "ngo.test"
SPF, DKIM, DMARC, MX, RETURN_PATH = (RecordKind(value) for value in ("spf", "dkim", "dmarc", "mx", "return_path"))
RUA = f"v=DMARC1; p=none; rua=mailto:catchall@{DOMAIN}"
GOOGLE = "v=spf1 include:_spf.google.com ~all"


def needed(kind, expected="", name=DOMAIN, **values):
    return NeededRecord(kind, name, expected, **values)


def key(expected="", selector="google", kind="TXT"):
    return needed(DKIM, expected, f"{selector}._domainkey.{DOMAIN}", record_type=kind)


ALL = (
    needed(SPF, GOOGLE),
    key(),
    needed(DMARC, RUA, f"_dmarc.{DOMAIN}"),
    needed(MX),
)


class TestDnsLook(unittest.TestCase):
    def look(self, changes=None, question=None, hosts=(), addresses=(), domain=DOMAIN, **limits):
        zone = {name: values for name, values in (good_zone() | (changes or {})).items() if values != "gone"}
        with NameServer(zone) as server:
            self.server = server
            asking = Asking(server.resolver(), **limits)
            return look(asking, DomainQuestion(domain, tuple(question or ALL), hosts, addresses))

    def one(self, record, changes=None, **question):
        (found,) = self.look(changes, (record,), **question).records
        return found

    def test_a_good_zone_is_right(self):
        found = self.look()
        self.assertEqual([one.verdict for one in found.records], ["spf_right", "dkim_right", "dmarc_right", "mx_right"])
        self.assertEqual(worst(one.state for one in found.records).value, "right")
        self.assertEqual((found.zone, found.host), (DOMAIN, "Cloudflare"))
        self.assertTrue(found.guide.startswith("https://developers.cloudflare.com/"))
        self.assertEqual(found.policy.policy, "quarantine")
        self.assertEqual(found.records[0].facts["lookups"], "1")

    def test_spf(self):
        at = (DOMAIN, "TXT")
        many = {(f"s{number}.test", "TXT"): [text("v=spf1 ip4:10.0.0.1 ~all")] for number in range(12)}
        includes = " ".join(f"include:s{number}.test" for number in range(11))
        for published, wanted, state, verdict, expected in (
            # (TXT records, terms wanted, state, verdict, expected record)
            ([], GOOGLE, "wrong", "spf_missing", GOOGLE),
            (["google-site-verification=1"], GOOGLE, "wrong", "spf_missing", GOOGLE),
            (["v=spf10 a ~all"], GOOGLE, "wrong", "spf_missing", GOOGLE),
            ([GOOGLE.upper()], GOOGLE, "right", "spf_right", ""),
            (["v=spf1 include:_spf.google.com -all"], GOOGLE, "right", "spf_right", ""),
            # Never a second record: the one that is there grows, before its end.
            (
                ["v=spf1 include:spf.mailjet.com -all"],
                GOOGLE,
                "wrong",
                "spf_incomplete",
                "v=spf1 include:spf.mailjet.com include:_spf.google.com -all",
            ),
            # Two are none (RFC 7208 §4.5): they become one, with each term once and the milder end.
            (
                ["v=spf1 include:_spf.google.com -all", "v=spf1 a mx include:_spf.google.com ~all"],
                "v=spf1 include:spf.mailjet.com ~all",
                "wrong",
                "spf_two",
                "v=spf1 a mx include:_spf.google.com include:spf.mailjet.com ~all",
            ),
            (["v=spf1 redirect=_spf.google.com"], GOOGLE, "right", "spf_right", ""),
            (
                ["v=spf1 redirect=spf.mailjet.com"],
                GOOGLE,
                "wrong",
                "spf_incomplete",
                "v=spf1 include:_spf.google.com redirect=spf.mailjet.com",
            ),
            (["v=spf1 include:deep.test ~all"], GOOGLE, "right", "spf_right", ""),
            (["v=spf1 -include:_spf.google.com ~all"], GOOGLE, "wrong", "spf_incomplete", None),
            (
                ["v=spf1 include:_spf.google.com +all"],
                GOOGLE,
                "wrong",
                "spf_anybody",
                "v=spf1 include:_spf.google.com ~all",
            ),
            (
                ["v=spf1 include:_spf.google.com ?all"],
                GOOGLE,
                "warning",
                "spf_open_end",
                "v=spf1 include:_spf.google.com ~all",
            ),
            (["v=spf1 include:_spf.google.com"], GOOGLE, "warning", "spf_open_end", None),
            (["v=spf1 include:_spf.google.com ip4:nonsense ~all"], GOOGLE, "wrong", "spf_broken", ""),
            (["v=spf1 include:absent.test ~all"], GOOGLE, "wrong", "spf_broken", ""),
            ([f"v=spf1 {includes} ~all"], GOOGLE, "wrong", "spf_too_many", None),
            ([f"v=spf1 {includes.rpartition(' ')[0]} ~all"], GOOGLE, "wrong", "spf_missing_too_many", None),
            (["v=spf1 ip4:93.184.216.0/24 ~all"], "v=spf1 ip4:93.184.216.34 ~all", "right", "spf_right", ""),
            (["v=spf1 a:mail.ngo.test ~all"], "v=spf1 ip4:93.184.216.34 ~all", "right", "spf_right", ""),
            (["v=spf1 ip6:2a00::/16 ~all"], "v=spf1 ip6:2a00::1 ~all", "right", "spf_right", ""),
            (["v=spf1 include:_spf.google.com ~all exp=why.test"], GOOGLE, "right", "spf_right", ""),
        ):
            with self.subTest(published=published, wanted=wanted):
                deep = {("deep.test", "TXT"): [text("v=spf1 include:_spf.google.com ~all")]}
                found = self.one(needed(SPF, wanted), {**many, **deep, at: [text(one) for one in published] or "gone"})
                self.assertEqual((found.state.value, found.verdict), (state, verdict), found.facts)
                if expected is not None:
                    self.assertEqual(found.expected, expected)

    def test_the_dearest_includes_are_named(self):
        zone = {
            (DOMAIN, "TXT"): [text("v=spf1 include:deep.test include:_spf.google.com ~all")],
            ("deep.test", "TXT"): [text("v=spf1 include:spf.mailjet.com a:mail.ngo.test ~all")],
        }
        found = self.one(needed(SPF, GOOGLE), zone)
        self.assertEqual(found.facts["lookups"], "4")
        self.assertEqual(found.facts["costs"], "3  include:deep.test\n1  include:_spf.google.com")

    def test_own_servers(self):
        at = (DOMAIN, "TXT")
        for hosts, addresses, published, verdict, expected in (
            (("mail.ngo.test",), (), [], "spf_missing", "v=spf1 ip4:93.184.216.34 ~all"),
            (("mail.ngo.test",), (), [GOOGLE], "spf_incomplete", None),
            (("localhost",), (), [], "spf_missing_host_unknown", ""),
            (("192.168.1.5",), (), ["v=spf1 mx ~all"], "spf_host_unknown", ""),
            (("localhost",), ("93.184.216.34",), ["v=spf1 ip4:93.184.216.34 ~all"], "spf_right", ""),
            (("localhost",), ("2a00:1::1",), [], "spf_missing", "v=spf1 ip6:2a00:1::1 ~all"),
            ((), (), [], "spf_not_needed", ""),
        ):
            with self.subTest(hosts=hosts, published=published):
                found = self.one(
                    needed(SPF), {at: [text(one) for one in published] or "gone"}, hosts=hosts, addresses=addresses
                )
                self.assertEqual(found.verdict, verdict)
                if expected is not None:
                    self.assertEqual(found.expected, expected)

    def test_dkim(self):
        other = KEY[:-12] + "AAAAAAAAAAAA"
        at = (f"google._domainkey.{DOMAIN}", "TXT")
        cname = (f"s1._domainkey.{DOMAIN}", "CNAME")
        there = (f"s1._domainkey.{DOMAIN}", "TXT")
        microsoft = key("s1-ngo-test._domainkey.<tenant>", "s1", "CNAME")
        for record, changes, state, verdict in (
            (key(KEY), {}, "right", "dkim_right"),
            (key(), {}, "right", "dkim_right"),
            (key(KEY), {at: [text(other)]}, "wrong", "dkim_other"),
            (key(KEY.replace("rsa", "ed25519")), {}, "wrong", "dkim_other"),
            (key(KEY), {at: "gone"}, "wrong", "dkim_missing"),
            (key(), {at: "gone"}, "wrong", "dkim_missing_provider"),
            (key(KEY), {at: [text("v=DKIM1; p=")]}, "wrong", "dkim_revoked"),
            (key(KEY), {at: [text("hello")]}, "wrong", "dkim_no_key"),
            (key(KEY), {at: [text(KEY + "; t=y")]}, "warning", "dkim_trial"),
            # Hosts that cut a long record put spaces where they cut.
            (key(KEY), {at: [text(KEY[:60] + " " + KEY[60:])]}, "right", "dkim_right"),
            (key(selector="<selector>"), {}, "warning", "dkim_selector_unknown"),
            (microsoft, {cname: ["s1-ngo-test._domainkey.ngo.onmicrosoft.com."], there: [text(KEY)]}, "right", None),
            (microsoft, {cname: ["s1-other._domainkey.ngo.onmicrosoft.com."], there: [text(KEY)]}, "wrong", None),
            (microsoft, {cname: ["s1-ngo-test._domainkey.ngo.onmicrosoft.com."]}, "wrong", "dkim_no_key"),
            (microsoft, {}, "wrong", "dkim_missing"),
        ):
            with self.subTest(record=record.name, changes=changes):
                found = self.one(record, changes)
                self.assertEqual(found.state.value, state, found)
                if verdict:
                    self.assertEqual(found.verdict, verdict)

    def test_one_right_key_of_the_domain_is_enough(self):
        own = key(KEY, "odoo")
        here = {(f"odoo._domainkey.{DOMAIN}", "TXT"): [text(KEY)]}
        gone = {(f"google._domainkey.{DOMAIN}", "TXT"): "gone"}
        for changes, states in (
            (here, ["right", "right"]),
            (here | gone, ["right", "warning"]),
            # The database signs with a key that nobody finds: that is wrong whatever the provider does.
            ({}, ["wrong", "right"]),
            (gone, ["wrong", "wrong"]),
        ):
            with self.subTest(changes=changes):
                found = self.look(changes, (own, key())).records
                self.assertEqual([one.state.value for one in found], states)

    def test_no_record_breaks_a_look(self):
        for record in (
            "v=spf1",
            "v=spf1 ",
            "v=spf1 " + "a " * 1000,
            "v=spf1 include:",
            "v=spf1 include:" + "a." * 200,
            "v=spf1 include:.. ~all",
            "v=spf1 ip4:999.1.1.1/99 ~all",
            "v=spf1 ip4:1.2.3.4/33 a:\x00 ~all",
            "v=spf1 exists:%{i}._x.%{d2} ~all",
            "v=spf1 %{ ~all",
            "v=spf1 redirect=ngo.test redirect=ngo.test",
            "v=spf1 include:ngo.test ~all",
            "v=spf1 \u2028 all\xff",
            "v=DMARC1;" * 300,
            "v=DMARC1; p=none; rua=mailto:@, https://[, mailto:a@b!99999999999m",
            "v=DMARC1; p=none; pct=x; fo=9:9",
            "v=DKIM1; p=" + "A" * 3000,
            "v=DKIM1; p==; p=a; =",
            "p=",
        ):
            zone = {
                (name, "TXT"): [text(record)] for name in (DOMAIN, f"google._domainkey.{DOMAIN}", f"_dmarc.{DOMAIN}")
            }
            with self.subTest(record=record[:40]):
                states = {one.state.value for one in self.look(zone, (needed(SPF, GOOGLE), key(KEY), ALL[2])).records}
                self.assertNotIn("unknown", states)

    def test_dmarc(self):
        at = (f"_dmarc.{DOMAIN}", "TXT")
        for published, state, verdict in (
            ([], "wrong", "dmarc_missing"),
            (["v=DMARC1; p=reject; rua=mailto:a@ngo.test"], "right", "dmarc_right"),
            (["v=DMARC1; p=none; rua=mailto:a@ngo.test"], "warning", "dmarc_none"),
            (["v=DMARC1; p=none"], "warning", "dmarc_blind"),
            (["v=DMARC1; p=nonsense"], "wrong", "dmarc_broken"),
            (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "wrong", "dmarc_two"),
            (["hello"], "wrong", "dmarc_missing"),
            (["v=DMARC1 p=none"], "wrong", "dmarc_missing"),
        ):
            with self.subTest(published=published):
                found = self.one(
                    needed(DMARC, RUA, f"_dmarc.{DOMAIN}"), {at: [text(one) for one in published] or "gone"}
                )
                self.assertEqual((found.state.value, found.verdict), (state, verdict), found)
                self.assertEqual(found.expected, RUA if verdict == "dmarc_missing" else "")

    def test_dmarc_of_a_subdomain_is_that_of_the_domain_above(self):
        record = NeededRecord(DMARC, f"_dmarc.mail.{DOMAIN}", "")
        found = self.look(
            {(f"_dmarc.{DOMAIN}", "TXT"): [text("v=DMARC1; p=reject; sp=none; aspf=s; rua=mailto:a@ngo.test")]},
            (record,),
            domain=f"mail.{DOMAIN}",
        )
        self.assertEqual(found.records[0].verdict, "dmarc_none")
        self.assertEqual((found.policy.policy, found.policy.location), ("none", DOMAIN))
        self.assertTrue(found.policy.is_strict_spf)
        self.assertEqual(found.zone, DOMAIN)

    def test_mx(self):
        at, host = (DOMAIN, "MX"), ("smtp.google.com", "A")
        for changes, state, verdict in (
            ({at: "gone"}, "wrong", "mx_missing"),
            ({at: "gone", (DOMAIN, "A"): ["93.184.216.34"]}, "wrong", "mx_implicit"),
            ({at: ["0 ."]}, "wrong", "mx_null"),
            ({host: "gone"}, "wrong", "mx_dead"),
            ({at: ["1 smtp.google.com.", "5 gone.test."]}, "warning", "mx_partly_dead"),
            ({at: ["10 b.test.", "9 smtp.google.com."], ("b.test", "AAAA"): ["2a00::1"]}, "right", "mx_right"),
        ):
            with self.subTest(changes=changes):
                found = self.one(needed(MX), changes)
                self.assertEqual((found.state.value, found.verdict), (state, verdict), found)
        self.assertEqual(found.seen, "9 smtp.google.com\n10 b.test")
        found = self.one(needed(MX, is_required=False), {at: "gone"})
        self.assertEqual(found.state.value, "warning")

    def test_return_path(self):
        cname = needed(RETURN_PATH, "pm.mtasv.net", f"pm-bounces.{DOMAIN}", record_type="CNAME")
        at = (f"pm-bounces.{DOMAIN}", "CNAME")
        for record, changes, state, verdict in (
            (cname, {at: ["pm.mtasv.net."]}, "right", "return_path_cname_right"),
            (cname, {at: ["other.test."]}, "warning", "return_path_cname_other"),
            (cname, {}, "warning", "return_path_cname_missing"),
            (needed(RETURN_PATH, name=f"mail.{DOMAIN}", record_type=ADDRESS), {}, "right", "return_path_aligned"),
            (needed(RETURN_PATH, name="other.test", record_type=ADDRESS), {}, "warning", "return_path_not_aligned"),
        ):
            with self.subTest(record=record.name, changes=changes):
                found = self.one(record, changes)
                self.assertEqual((found.state.value, found.verdict), (state, verdict))

    def test_no_answer_is_unknown_and_never_wrong(self):
        for limits in ({}, {"questions": 0}, {"seconds": 0.0}):
            found = look(Asking(None, **limits), DomainQuestion(DOMAIN, ALL))
            self.assertEqual([one.verdict for one in found.records], ["no_answer"] * 4)
            self.assertEqual({one.state.value for one in found.records}, {"unknown"})
        for name, kind in (
            (DOMAIN, "TXT"),
            ("_spf.google.com", "TXT"),
            (f"google._domainkey.{DOMAIN}", "TXT"),
            (f"_dmarc.{DOMAIN}", "TXT"),
            (DOMAIN, "MX"),
            ("smtp.google.com", "A"),
        ):
            with self.subTest(name=name, kind=kind):
                # None: the server answers with a failure.
                states = [one.state.value for one in self.look({(name, kind): None}).records]
                self.assertEqual(sorted(states), ["right", "right", "right", "unknown"])

    def test_a_look_ends_in_its_time(self):
        zone = {(f"a{number}.test", "A"): "silence" for number in range(50)}
        zone[(DOMAIN, "TXT")] = [text("v=spf1 " + " ".join(f"a:a{number}.test" for number in range(50)) + " ~all")]
        begun = time.monotonic()
        found = self.look(zone, (needed(SPF, GOOGLE),), seconds=1.0)
        self.assertLess(time.monotonic() - begun, 3)
        self.assertEqual(found.records[0].verdict, "no_answer")
        self.look(zone, (needed(SPF, GOOGLE),), seconds=3.0, questions=5)
        self.assertLessEqual(len(set(self.server.asked)), 5)

    def test_each_question_is_asked_once(self):
        self.look()
        self.assertEqual(len(self.server.asked), len(set(self.server.asked)))

    def test_what_has_changed_is_seen_at_once(self):
        zone = good_zone()
        with NameServer(zone) as server:
            verdicts = []
            for record in (GOOGLE, "v=spf1 include:spf.mailjet.com ~all", GOOGLE):
                zone[(DOMAIN, "TXT")] = [text(record)]
                found = look(Asking(server.resolver()), DomainQuestion(DOMAIN, ALL[:1]))
                verdicts.append(found.records[0].verdict)
        self.assertEqual(verdicts, ["spf_right", "spf_incomplete", "spf_right"])

    def test_the_name_of_an_address(self):
        reverse = ("34.216.184.93.in-addr.arpa", "PTR")
        for changes, expected in (
            ({}, {"93.184.216.34": "mail.ngo.test"}),
            ({reverse: "gone"}, {"93.184.216.34": ""}),
            ({reverse: ["liar.test."]}, {"93.184.216.34": ""}),
            ({reverse: None}, {}),
        ):
            with self.subTest(changes=changes):
                self.assertEqual(self.look(changes, addresses=("93.184.216.34",)).reverse, expected)

    def test_merging(self):
        for records, terms, expected in (
            ((), ("include:a.org",), "v=spf1 include:a.org ~all"),
            (("v=spf1 -all",), ("include:a.org",), "v=spf1 include:a.org -all"),
            (("v=spf1 a -all", "v=spf1 mx ?all"), (), "v=spf1 a mx -all"),
            (
                ("v=spf1 redirect=a.org", "v=spf1 redirect=b.org"),
                (),
                "v=spf1 include:a.org include:b.org ~all",
            ),
            (("v=spf1 redirect=a.org", "v=spf1 mx ~all"), (), "v=spf1 mx include:a.org ~all"),
        ):
            with self.subTest(records=records):
                self.assertEqual(merge(records, terms), expected)
