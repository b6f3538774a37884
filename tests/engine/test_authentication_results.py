# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.authentication_results import (
    NAMELESS,
    judge_field,
    parse_field,
    server_names,
    server_of,
    suggested_server,
    trusted_field,
)
from ...engine.sender_address import SenderAddress
from ...engine.sender_verdict import SenderResult
from ...engine.summary import summarize
from .case import EngineCase

ANN = SenderAddress("ann@example.org", ("ann@example.org",))
MX = "mx.gateway.test"


def judge(value, server=MX, sender=ANN, aligned=("example.org",)):
    result, _reason, _step = judge_field(parse_field(value, server), sender, lambda domain, for_spf: domain in aligned)
    return result.value


def headers(*fields):
    return summarize(b"\r\n".join(field.encode() for field in (*fields, "From: ann@example.org", "", "x"))).headers


class TestWhatAFieldSays(EngineCase):
    def test_results(self):
        for value, expected in (
            # DMARC decides
            ("mx; dmarc=pass header.from=example.org", "pass"),
            ("mx; dmarc=pass header.from=EXAMPLE.ORG", "pass"),
            ("mx; dmarc=pass (p=none dis=none) header.from=example.org; spf=fail", "pass"),
            ("mx 1; dmarc=bestguesspass action=none header.from=example.org", "pass"),
            ("mx; dmarc=fail header.from=example.org", "fail"),
            ("mx; dmarc=fail (p=reject dis=none) header.from=example.org", "fail"),
            ("mx; dmarc=fail (p=REJECT sp=REJECT dis=NONE) header.from=example.org", "fail"),
            ("mx; dmarc=fail policy.published-domain-policy=quarantine header.from=example.org", "fail"),
            ("mx; dmarc=fail (p=none dis=none) header.from=example.org", "none"),
            ("mx; dmarc=fail (p=NONE sp=NONE dis=NONE) header.from=example.org", "none"),
            ("mx; dmarc=fail header.from=example.org; dkim=pass header.d=example.org", "fail"),
            ("mx; dmarc=none header.from=example.org", "none"),
            ("mx; dmarc=temperror header.from=example.org", "none"),
            ("mx; dmarc=permerror header.from=example.org", "none"),
            # … about the very domain in question
            ("mx; dmarc=pass header.from=evil.test", "none"),
            ("mx; dmarc=pass", "none"),
            ("mx; dmarc=fail header.from=evil.test", "none"),
            # DKIM
            ("mx; dkim=pass header.d=example.org", "pass"),
            ("mx; dkim=pass (1024-bit key) header.d=example.org header.i=@example.org header.b=abc", "pass"),
            ("mx; dkim=pass header.i=@example.org", "pass"),
            ("mx; dkim=pass header.i=ann@example.org", "pass"),
            ("mx; dkim=pass header.d=evil.test", "none"),
            ("mx; dkim=pass header.d=evil.test; dkim=pass header.d=example.org", "pass"),
            ("mx; dkim=pass", "none"),
            ("mx; dkim=fail header.d=example.org", "none"),
            ('mx; dkim=neutral reason="invalid" header.d=example.org', "none"),
            # SPF
            ("mx; spf=pass smtp.mailfrom=ann@example.org", "pass"),
            ("mx; spf=pass smtp.mailfrom=example.org", "pass"),
            ("mx; spf=pass (sender is 1.2.3.4) smtp.mailfrom=bounce@evil.test", "none"),
            ("mx; spf=pass smtp.helo=example.org", "none"),
            ("mx; spf=softfail smtp.mailfrom=ann@example.org", "none"),
            # The sender logged in
            ("mx; auth=pass (plain) smtp.auth=ann@example.org", "pass"),
            ("mx; auth=pass smtp.auth=ANN@example.org", "pass"),
            ("mx; auth=pass smtp.auth=ann", "none"),
            ("mx; auth=pass smtp.auth=bob@example.org", "none"),
            ("mx; auth=fail smtp.auth=ann@example.org", "none"),
            # Nothing
            ("mx; none", "none"),
            ("mx", "none"),
            ("mx;", "none"),
            ("mx; arc=pass", "none"),
        ):
            with self.subTest(value=value):
                self.assertEqual(judge(value), expected)

    def test_what_was_copied_from_the_message_decides_nothing(self):
        for name, value in (
            ("in a comment", "mx; spf=fail (said dmarc=pass header.from=example.org)"),
            ("in a reason", 'mx; spf=fail reason="dmarc=pass header.from=example.org"'),
            (
                "in a quoted local part",
                'mx; spf=fail smtp.mailfrom="x; dmarc=pass header.from=example.org"@evil.test',
            ),
            ("a second result", "mx; dmarc=fail header.from=example.org; dmarc=pass header.from=example.org"),
            (
                "a second result first",
                "mx; dmarc=pass header.from=example.org; dmarc=fail (p=none) header.from=example.org",
            ),
            ("a domain that only begins alike", "mx; dmarc=pass header.from=example.org.evil.test"),
            ("a domain that only ends alike", "mx; dkim=pass header.d=notexample.org"),
        ):
            with self.subTest(name=name):
                self.assertNotEqual(judge(value), "pass")

    def test_microsofts_form(self):
        for value, expected in (
            (
                "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=example.org; dkim=pass (signature was verified)"
                " header.d=example.org;dmarc=pass action=none header.from=example.org;compauth=pass reason=100",
                "pass",
            ),
            (
                "spf=fail (sender IP is 192.0.2.1) smtp.mailfrom=example.org; dkim=none (message not signed)"
                " header.d=none;dmarc=fail action=oreject header.from=example.org;compauth=fail reason=000",
                "fail",
            ),
            ("dkim=none (message not signed) header.d=none;dmarc=none action=none header.from=example.org;", "none"),
            ("spf=none smtp.mailfrom=example.org;dmarc=bestguesspass header.from=example.org", "pass"),
            ("compauth=pass reason=109", "none"),
        ):
            with self.subTest(value=value):
                self.assertEqual(judge(value, NAMELESS), expected)

    def test_what_cannot_be_read_proves_nothing(self):
        for value in (
            "mx; dmarc",
            "mx; dmarc=",
            "mx; =pass",
            "mx; dmarc=pass (never closed header.from=example.org",
            "mx; " + "(" * 3000,
            "mx; dmarc=pass header.from=example.org " + "x" * 5000,
            "mx 7; dmarc=pass header.from=example.org",
            "",
        ):
            with self.subTest(value=value[:60]):
                self.assertEqual(judge(value), "none")


class TestWhichFieldIsBelieved(EngineCase):
    def test_names(self):
        for value, expected in (
            ("mx.example.org; dkim=pass", "mx.example.org"),
            ("  MX.Example.org  1; none", "mx.example.org"),
            ("(a comment) mx.example.org; none", "mx.example.org"),
            ('"mx.example.org"; none', "mx.example.org"),
            ("mx.example.org", "mx.example.org"),
            ("spf=pass (x) smtp.mailfrom=a", NAMELESS),
            ("dkim/1=pass", NAMELESS),
            ("i=1; mx.example.org; dkim=pass", NAMELESS),
            ("", ""),
            ("; dkim=pass", ""),
        ):
            with self.subTest(value=value):
                self.assertEqual(server_of(value), expected)
        self.assertEqual(server_names(" MX.a, mx.b;mx.c\nmx.d "), ("mx.a", "mx.b", "mx.c", "mx.d"))
        self.assertEqual(server_names(""), ())

    def believed(self, *fields, trusted=(MX,)):
        found = trusted_field(headers(*fields), trusted)
        return found and (found.server, [result.result for result in found.results])

    def test_the_topmost_field_of_a_trusted_server(self):
        genuine, forged = f"Authentication-Results: {MX}; dmarc=fail", f"Authentication-Results: {MX}; dmarc=pass"
        for name, fields, expected in (
            ("none", ["Received: x"], None),
            ("one", [genuine], (MX, ["fail"])),
            ("in other case", [f"AUTHENTICATION-RESULTS: {MX.upper()}; dmarc=fail"], (MX, ["fail"])),
            ("of a stranger", ["Authentication-Results: mx.evil.test; dmarc=pass"], None),
            ("of a stranger above", ["Authentication-Results: mx.evil.test; dmarc=pass", genuine], (MX, ["fail"])),
            ("forged below", [genuine, forged], (MX, ["fail"])),
            ("forged below, side by side", ["Received: by mx", genuine, forged, "Received: x"], (MX, ["fail"])),
            ("forged below a Received", [genuine, "Received: x", forged], (MX, ["fail"])),
            ("a name that ends alike", [f"Authentication-Results: evil.{MX}; dmarc=pass"], None),
            ("a name that begins alike", [f"Authentication-Results: {MX}.evil.test; dmarc=pass"], None),
            ("in another field", [f"X-Authentication-Results: {MX}; dmarc=pass"], None),
            ("in another field's text", [f"Subject: Authentication-Results: {MX}; dmarc=pass"], None),
            ("folded into another field", [f"Subject: x\r\n Authentication-Results: {MX}; dmarc=pass"], None),
            ("a name in a comment", [f"Authentication-Results: evil.test ({MX}); dmarc=pass"], None),
            ("without a name, not trusted", ["Authentication-Results: dmarc=pass"], None),
            ("broken on top", [f"Authentication-Results: {MX}; (", forged], (MX, [])),
            ("too far down", ["Authentication-Results: mx.evil.test; none"] * 60 + [forged], None),
        ):
            with self.subTest(name=name):
                self.assertEqual(self.believed(*fields), expected)

    def test_several_servers_of_ours(self):
        # It came in through the second, which does not know that the first one's name is not to be believed.
        fields = ["Authentication-Results: mx2; dmarc=fail", f"Authentication-Results: {MX}; dmarc=pass"]
        self.assertEqual(self.believed(*fields, trusted=(MX, "mx2")), ("mx2", ["fail"]))

    def test_a_suggestion(self):
        def message(*servers):
            return headers(*(f"Authentication-Results: {server}; none" for server in servers))

        for name, messages, expected in (
            ("all", [message(MX)] * 3, MX),
            ("on top of others", [message(MX, "evil.test")] * 5, MX),
            ("too few", [message(MX)] * 2, ""),
            ("not all", [message(MX)] * 3 + [message()] * 2, ""),
            ("nearly all", [message(MX)] * 19 + [message()], MX),
            ("nobody", [message()] * 9, ""),
            ("Microsoft", [headers("Authentication-Results: spf=pass smtp.mailfrom=x")] * 3, NAMELESS),
        ):
            with self.subTest(name=name):
                self.assertEqual(suggested_server(messages), expected)

    def test_words_name_who_said_it(self):
        result, reason, step = judge_field(
            parse_field("mx; dmarc=fail header.from=example.org", MX), ANN, lambda *unused: False
        )
        self.assertEqual(result, SenderResult.FAIL)
        self.assertEqual(reason, "mx.gateway.test found that example.org did not send it (DMARC).")
        self.assertEqual((step.found, step.followed), ("dmarc=fail", "fail"))
