# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import GatewayCase, eml

OPERATIONS = ("read", "write", "create", "unlink")
# What each may do, as the first letters of the operations.
RIGHTS = {
    "spp.email.inbound": {"viewer": "r", "officer": "r", "manager": "r", "system": "ru"},
    "spp.email.inbound.record": {"viewer": "r", "officer": "r", "manager": "r", "system": "r"},
    "spp.email.content": {"officer": "r", "manager": "r", "system": "r"},
    "spp.email.team": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.queue": {"system": "r"},
    "spp.email.domain": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.domain.record": {"manager": "r", "system": "r"},
    "spp.email.addresses": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.addresses.line": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.dmarc.report": {"manager": "ru", "system": "ru"},
    "spp.email.dmarc.line": {"manager": "r", "system": "r"},
    "spp.email.dkim.key": {"manager": "r", "system": "r"},
    "spp.email.dkim.new": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.change": {"manager": "r", "system": "r"},
    "spp.email.audit": {"officer": "r", "manager": "r", "system": "r"},
    "spp.email.breaker": {"manager": "r", "system": "r"},
    "spp.email.loop.breaker": {"viewer": "r", "officer": "r", "manager": "r", "system": "r"},
    "spp.email.loop.release": {"officer": "rwcu", "manager": "rwcu", "system": "rwcu"},
    "spp.email.return.path": {"manager": "r", "system": "r"},
    "spp.email.subaddress": {"manager": "r", "system": "r"},
    "spp.email.delivery": {"viewer": "r", "officer": "r", "manager": "r", "system": "r"},
    "spp.email.delivery.retention": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.suppression": {"viewer": "r", "officer": "rwc", "manager": "rwc", "system": "rwcu"},
    "spp.email.suppression.event": {"viewer": "r", "officer": "r", "manager": "r", "system": "r"},
    "spp.email.suppression.count": {"manager": "r", "system": "r"},
    "spp.email.suppression.policy": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.suppression.removal": {"officer": "rwcu", "manager": "rwcu", "system": "rwcu"},
    "spp.email.suppression.import": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.sent.content": {"officer": "r", "manager": "r", "system": "r"},
    **{
        f"spp.email.{name}": {"plain": "rw", "viewer": "rw", "officer": "rw", "manager": "rw", "system": "rw"}
        for name in ("resend", "resend.line")
    },
    "spp.email.intake": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.intake.use": {"manager": "r", "system": "r"},
    "spp.email.upload": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.retention": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.worker": {"system": "r"},
    "spp.email.notice": {"manager": "r", "system": "r"},
    "spp.email.lease": {"system": "r"},
    "spp.email.token.key": {"system": "r"},
    "spp.email.folder": {"viewer": "r", "officer": "r", "manager": "rwcu", "system": "rwcu"},
    "spp.email.folder.choice": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.folder.choice.line": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.start": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.reading.mark": {"system": "r"},
    "spp.email.passed.entry": {"system": "r"},
    "spp.email.reconciliation": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.reconciliation.line": {"manager": "rwu", "system": "rwu"},
    "spp.email.unreadable": {"system": "r"},
    "spp.email.oauth": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.quota.use": {"manager": "r", "system": "r"},
    "spp.email.test.mail": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.round.trip": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.discovery": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.discovery.line": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.watch": {"manager": "r", "system": "r"},
    "spp.email.transcript": {"manager": "ru", "system": "ru"},
    "spp.email.check": {"manager": "r", "system": "r"},
    "spp.email.transcript.start": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.health": {"manager": "rw", "system": "rw"},
    **{
        f"spp.email.inbound.{name}": {"officer": "rwcu", "manager": "rwcu", "system": "rwcu"}
        for name in ("route", "route.value", "attach", "answer", "discard")
    },
    "spp.email.inbound.alias": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.tag": {"viewer": "r", "officer": "r", "manager": "rwcu", "system": "rwcu"},
    "spp.email.rule": {"viewer": "r", "officer": "r", "manager": "rwcu", "system": "rwcu"},
    "spp.email.rule.condition": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.rule.value": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.dry.run": {"officer": "rwcu", "manager": "rwcu", "system": "rwcu"},
    "spp.email.configuration.server": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.former.address": {"manager": "ru", "system": "ru"},
    "spp.email.data.request": {"manager": "r", "system": "r"},
    "spp.email.data.search": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.data.search.line": {"manager": "rwcu", "system": "rwcu"},
    **{
        f"spp.email.{name}": {"manager": "rwcu", "system": "rwcu"}
        for name in ("setup", "setup.address", "alias.move", "alias.move.line")
    },
    **{
        f"spp.email.{name}": {"viewer": "rwcu", "officer": "rwcu", "manager": "rwcu", "system": "rwcu"}
        for name in ("find", "find.line")
    },
    "spp.email.package": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.explain": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.day": {"viewer": "r", "officer": "r", "manager": "r", "system": "r"},
    "spp.email.sample": {"manager": "r", "system": "r"},
    "spp.email.digest": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.monitoring.token": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.recipient.entry": {"manager": "rwcu", "system": "rwcu"},
    "spp.email.binding": {"manager": "r", "system": "r"},
    "fetchmail.server": {"manager": "rwcu", "system": "rwcu"},
    "ir.mail_server": {"manager": "rwcu", "system": "rwcu"},
}


@tagged("post_install", "-at_install")
class TestAccess(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.public = cls.env.ref("base.public_user")

    def test_each_role_on_each_model(self):
        for model, rights in RIGHTS.items():
            for name in ("plain", "portal", "public", "viewer", "officer", "manager", "system"):
                user = getattr(self, name)
                allowed = "".join(
                    operation[0] for operation in OPERATIONS if self.env[model].with_user(user).has_access(operation)
                )
                with self.subTest(model=model, user=name):
                    self.assertEqual(allowed, rights.get(name, ""))

    def test_who_works_in_both_companies_sees_both(self):
        self.viewer.company_ids = self.company + self.other_company
        rows = self.journal(eml(), company=self.company) + self.journal(eml(), company=self.other_company)
        journal = self.env["spp.email.inbound"].with_user(self.viewer)
        self.assertEqual(
            journal.with_context(allowed_company_ids=(self.company + self.other_company).ids).search(
                [("id", "in", rows.ids)]
            ),
            rows.sorted("id", reverse=True),
        )
        self.assertEqual(
            journal.with_context(allowed_company_ids=self.other_company.ids).search([("id", "in", rows.ids)]), rows[1]
        )

    def test_nobody_changes_the_journal_but_by_its_actions(self):
        inbound = self.journal(eml())
        for user in (self.viewer, self.officer, self.manager, self.system, self.plain, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                inbound.with_user(user).write({"subject": "forged"})
        for user in (self.viewer, self.officer, self.manager, self.system):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.env["spp.email.inbound"].with_user(user).create({"server_key": "k"})

    def test_signing_keys_are_masked_for_everybody(self):
        key = self.env["spp.email.token.key"].search([], limit=1)
        self.assertEqual(key.with_user(self.system).read(["material"])[0]["material"], "•" * 8)
        with self.assertRaises(AccessError):
            key.with_user(self.manager).read(["material"])

    def test_the_system_administrator_is_a_manager(self):
        self.assertTrue(self.system.has_group("spp_email_gateway.group_email_gateway_manager"))
        self.assertFalse(self.officer.has_group("spp_email_gateway.group_email_gateway_manager"))
        self.assertTrue(self.manager.has_group("spp_email_gateway.group_email_gateway_viewer"))
