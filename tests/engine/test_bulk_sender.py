# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import unittest

from ...engine.bulk_sender import BulkFacts, readiness
from ...engine.dns_record import RecordState

RIGHT, WARNING, WRONG, UNKNOWN, NEW = (RecordState(value) for value in ("right", "warning", "wrong", "unknown", "new"))
GOOD = {
    "spf": RIGHT,
    "dkim": (RIGHT,),
    "dmarc": RIGHT,
    "is_aligned": True,
    "unsubscribes": True,
    "sent": 100_000,
    "complaints": 50,
    "is_encrypted": True,
    "reverse": ("mail.ngo.test",),
}


class TestBulkSender(unittest.TestCase):
    def test_all_rules_met(self):
        self.assertEqual({one.state for one in readiness(BulkFacts(**GOOD))}, {RIGHT})

    def test_each_rule(self):
        for changed, rule, state in (
            ({"spf": WRONG}, "spf", WRONG),
            ({"spf": WARNING}, "spf", RIGHT),
            ({"spf": NEW}, "spf", UNKNOWN),
            ({"dkim": ()}, "dkim", WRONG),
            ({"dkim": (WRONG, RIGHT)}, "dkim", RIGHT),
            ({"dkim": (WARNING,)}, "dkim", UNKNOWN),
            ({"dkim": (UNKNOWN, WRONG)}, "dkim", WRONG),
            # The policy none is enough for these rules.
            ({"dmarc": WARNING}, "dmarc", RIGHT),
            ({"dmarc": WRONG}, "dmarc", WRONG),
            ({"is_aligned": False}, "alignment", RIGHT),
            ({"is_aligned": False, "dkim": ()}, "alignment", WRONG),
            ({"is_aligned": True, "dkim": (WRONG,)}, "alignment", RIGHT),
            ({"is_aligned": True, "dkim": (WRONG,), "spf": WRONG}, "alignment", WRONG),
            ({"is_aligned": None, "dkim": ()}, "alignment", UNKNOWN),
            ({"unsubscribes": None}, "unsubscribe", UNKNOWN),
            ({"unsubscribes": False}, "unsubscribe", WARNING),
            ({"complaints": 99}, "complaints", RIGHT),
            ({"complaints": 100}, "complaints", WARNING),
            ({"complaints": 299}, "complaints", WARNING),
            ({"complaints": 300}, "complaints", WRONG),
            ({"sent": 999, "complaints": 9}, "complaints", UNKNOWN),
            ({"is_encrypted": False}, "tls", WRONG),
            ({"is_encrypted": None}, "tls", UNKNOWN),
            ({"reverse": ()}, "reverse", UNKNOWN),
            ({"reverse": ("mail.ngo.test", "")}, "reverse", WRONG),
        ):
            with self.subTest(changed=changed):
                found = {one.rule.value: one.state for one in readiness(BulkFacts(**{**GOOD, **changed}))}
                self.assertEqual(found[rule], state)
