# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import base64
import io
import json
import zipfile

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .common import eml
from .reports import ReportCase

PLANTED = ("zyxwanja", "quill", "plover", "marzipan", "kettle", "hush", "secret-host")


@tagged("post_install", "-at_install")
class TestSupportPackage(ReportCase):
    def setUp(self):
        super().setUp()
        self.box = self.mailbox(
            name="Marzipan Box", server="secret-host.plover.example", password="hush-hush", company_id=self.company.id
        )
        self.content = eml(
            From="Zyxwanja Quill <zyxwanja@plover.example>", Subject="Marzipan kettle", body=b"zyxwanja says hush"
        )

    def package(self, record, user=None, **values):
        """Make a package as a manager by default; return {name: text of the file}."""
        user = user or self.manager
        dialog = self.env["spp.email.package"].with_user(user)
        dialog = dialog.create({"model": record._name, "res_id": record.id, **values})
        dialog.action_make()
        self.name = dialog.archive_name
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(dialog.archive))) as archive:
            return {name: archive.read(name).decode() for name in archive.namelist()}

    def test_masked_names_nobody(self):
        inbound = self.receive(self.content, self.box)
        files = self.package(inbound)
        for name, text in files.items():
            for planted in PLANTED:
                self.assertNotIn(planted, text.lower(), name)
        self.assertEqual(self.name, f"support-inbound-{inbound.id}.zip")
        self.assertLessEqual(
            {"about.json", "incoming.json", "deliveries.json", "settings.json", "checks.json", "changes.json",
             "domains.json", "timeline.txt", f"received-{inbound.id}-header.txt"},
            set(files),
        )  # fmt: skip
        about = json.loads(files["about.json"])
        self.assertEqual((about["what"], about["content"]), (f"spp.email.inbound {inbound.id}", "masked"))
        self.assertTrue(about["odoo"] and about["postgresql"] and about["libraries"]["imapclient"])
        (row,) = json.loads(files["incoming.json"])
        self.assertEqual((row["id"], row["state"]), (inbound.id, inbound.state))
        self.assertTrue(row["trace"])
        (settings,) = json.loads(files["settings.json"])
        self.assertEqual((settings["id"], settings["server"], settings["port"]), (self.box.id, "(set)", 993))
        self.assertIn(f"spp.email.inbound {inbound.id}: Arrived", files["timeline.txt"])
        self.assertIn("subject: (15 characters)", files[f"received-{inbound.id}-header.txt"])

    def test_who_decided_is_not_named_archived_or_of_a_short_name(self):
        inbound = self.receive(self.content, self.box)
        for name in ("Wombat Ferncastle", "Qx"):
            group = "spp_email_gateway.group_email_gateway_manager"
            user = new_test_user(self.env, f"gone_{name[:2]}", group, name=name)
            self.env["spp.email.audit"].with_user(user)._note("opened", inbound.with_user(user))
            user.active = False
        text = "".join(self.package(inbound).values())
        self.assertNotIn("Ferncastle", text)
        self.assertNotIn(": Qx", text)

    def test_with_content_by_choice(self):
        inbound = self.receive(self.content, self.box)
        files = self.package(inbound, content="whole")
        self.assertEqual(files[f"received-{inbound.id}.eml"].encode(), self.content)
        files = self.package(inbound, content="headers")
        header = files[f"received-{inbound.id}-header.txt"]
        self.assertIn("Subject: Marzipan kettle", header)
        self.assertNotIn("says hush", "".join(files.values()))
        # Secrets are in none of them.
        self.assertNotIn("hush-hush", "".join(files.values()))

    def test_of_a_delivery(self):
        row = self.refused("zyxwanja@plover.example", smtp_text="<zyxwanja@plover.example> no such user")
        files = self.package(row)
        self.assertNotIn("zyxwanja", "".join(files.values()).lower())
        (values,) = json.loads(files["deliveries.json"])
        self.assertEqual((values["id"], values["smtp_code"], values["state"]), (row.id, 550, "failed"))
        self.assertEqual([one["model"] for one in json.loads(files["settings.json"])], ["ir.mail_server"])
        mail = self.package(row.mail_id, self.system)
        self.assertEqual(json.loads(mail["about.json"])["what"], f"mail.mail {row.mail_id.id}")

    def test_changes_of_the_last_days(self):
        inbound = self.receive(self.content, self.box)
        self.box.with_user(self.manager).write({"port": 1993, "name": "Kettle Box"})
        changes = json.loads(self.package(inbound)["changes.json"])
        found = {one["field"]: (one["old"], one["new"]) for one in changes if one["model"] == "fetchmail.server"}
        self.assertEqual(found["port"], ("993", "1993"))
        self.assertEqual(found["name"], ("(set)", "(set)"))
        # Of no day: what was changed a day ago is not there. Today's second counts as now.
        self.env.cr.execute("UPDATE spp_email_change SET date = date - interval '1 day'")
        self.assertEqual(json.loads(self.package(inbound, days=0)["changes.json"]), [])

    def test_it_stands_in_the_audit_trail(self):
        inbound = self.receive(self.content, self.box)
        self.package(inbound, content="headers")
        act = self.env["spp.email.audit"].search([("model", "=", inbound._name), ("res_id", "=", inbound.id)], limit=1)
        self.assertEqual((act.action, act.user_id, act.detail), ("exported", self.manager, "support package, headers"))

    def test_who_may(self):
        inbound = self.receive(self.content, self.box)
        for user in (self.viewer, self.officer, self.plain):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.package(inbound, user)
        elsewhere = new_test_user(
            self.env,
            "gateway_far",
            "spp_email_gateway.group_email_gateway_manager",
            company_id=self.other_company.id,
            company_ids=[(6, 0, self.other_company.ids)],
        )
        with self.assertRaises(AccessError):
            self.package(inbound, elsewhere)
        # Managers may not read emails in the queue, which hold links to log in with.
        with self.assertRaises(AccessError):
            self.package(self.mail(email_to="eve@example.com"))

    def test_what_is_confidential(self):
        team = self.env["spp.email.team"].create({"name": "Committee", "member_ids": self.officer.ids})
        inbound = self.receive(self.content, self.box)
        self.box.write({"gateway_team_id": team.id, "gateway_is_confidential": True})
        for content in ("headers", "whole"):
            with self.subTest(content), self.assertRaises(AccessError):
                self.package(inbound, content=content)
        files = self.package(inbound)
        self.assertNotIn(f"received-{inbound.id}-header.txt", files)

    def test_what_cannot_be_made(self):
        inbound = self.receive(self.content, self.box)
        for values, words in (({"days": -1}, "0 to 90"), ({"days": 91}, "0 to 90")):
            with self.subTest(values), self.assertRaisesRegex(UserError, words):
                self.package(inbound, **values)
        for model, res_id in (("res.users", 1), ("no.such.model", 1), (inbound._name, 2**31 - 1)):
            dialog = self.env["spp.email.package"].with_user(self.manager).create({"model": model, "res_id": res_id})
            with self.subTest(model), self.assertRaisesRegex(UserError, "not there any more"):
                dialog.action_make()
