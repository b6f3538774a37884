# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The scheduled check of DNS records in a committed database: good, broken, drifting and silent zones."""

from __future__ import annotations

import threading

from ..engine.name_server import NameServer
from ..engine.zones import good_zone, text
from .case import SystemCase, wait_for

DOMAIN = "ngo.test"
SETUP = """
env["ir.mail_server"].search([]).active = False
env["ir.mail_server"].create({"name": "Out", "smtp_host": "smtp.gmail.com", "from_filter": domain})
env["mail.alias.domain"].create({"name": domain, "bounce_alias": "bounce", "catchall_alias": "catchall"})
env["ir.config_parameter"].set_param("spp_email_gateway.dns_servers", servers)
"""
CHECK = """
env["spp.email.domain"].search([]).checked_date = False
env.cr.commit()
env.ref("spp_email_gateway.ir_cron_domain").method_direct_trigger()
# What the job committed is seen in a transaction that begins after it.
env.cr.commit()
env.invalidate_all()
env["spp.email.health"]._check()
row = env["spp.email.domain"].search([("name", "=", domain)])
findings = env["spp.email.health"].search([("code", "=", f"domain_{row.id}_dns")])
answer = {
    "state": row.state, "known": row.known_state, "findings": findings.mapped("title"),
    "activities": len(findings.activity_ids), "records": {one.kind: one.verdict for one in row.record_ids},
}
"""


class TestDomains(SystemCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.zone = good_zone()
        cls.name_server = cls.enterClassContext(NameServer(cls.zone))
        cls.port = cls.name_server.resolver().port

    def check(self):
        return self.ask(CHECK, domain=DOMAIN)

    def test_a_domain_through_a_bad_week(self):
        self.ask(SETUP, domain=DOMAIN, servers=f"127.0.0.1:{self.port}")
        found = self.check()
        self.assertEqual((found["state"], found["findings"]), ("right", []))
        # Somebody adds a second SPF record.
        self.zone[(DOMAIN, "TXT")].append(text("v=spf1 mx -all"))
        found = self.check()
        self.assertEqual((found["records"]["spf"], found["state"]), ("spf_two", "wrong"))
        self.assertEqual(found["findings"], [f"DNS records have changed: {DOMAIN}"])
        self.assertGreaterEqual(found["activities"], 1)
        # The DNS is away: nothing is called wrong or right because of it.
        kept = dict(self.zone)
        self.zone.update(dict.fromkeys(self.zone))
        found = self.check()
        self.assertEqual((found["state"], found["known"]), ("unknown", "wrong"))
        self.assertEqual(found["findings"], [f"DNS records have changed: {DOMAIN}"])
        # It is corrected, and the finding goes by itself.
        self.zone.update(kept)
        self.zone[(DOMAIN, "TXT")] = good_zone()[(DOMAIN, "TXT")]
        found = self.check()
        self.assertEqual((found["state"], found["findings"]), ("right", []))
        self.no_row_is_locked_while_the_dns_is_waited_for()

    def no_row_is_locked_while_the_dns_is_waited_for(self):
        self.zone[(DOMAIN, "MX")] = "silence"
        self.name_server.asked.clear()
        checking = threading.Thread(target=self.check)
        checking.start()
        wait_for(lambda: (DOMAIN, "mx") in [(name, kind.lower()) for name, kind in self.name_server.asked], "the check")
        # A writer that waits for nobody.
        self.rows("SET lock_timeout = 200; UPDATE spp_email_domain SET sending_addresses = NULL RETURNING id")
        self.assertTrue(checking.is_alive(), "the check was over before the row was written")
        checking.join(60)
