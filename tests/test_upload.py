# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from ..wizards import spp_email_upload
from .common import GatewayCase, eml

LINE = b"From ann@example.org Tue Jun  3 10:00:00 2025\n"


@tagged("post_install", "-at_install")
class TestUpload(GatewayCase):
    def upload(self, *files, **values):
        """Upload (name, content) files as manager and return the wizard."""
        env = self.env(user=self.manager)
        attachments = env["ir.attachment"].create([{"name": name, "raw": content} for name, content in files])
        upload = env["spp.email.upload"].create({"attachment_ids": attachments.ids, **values})
        with self.own_cursors():
            upload.action_upload()
        return upload

    def counts(self, upload):
        return upload.new_count, upload.known_count, upload.problem_count

    def rows(self, upload):
        return self.env["spp.email.inbound"].search(upload.action_open_journal()["domain"], order="id")

    def test_messages_and_a_mailbox_together(self):
        one, two, three = (eml(Subject=f"Up {number}").replace(b"\r\n", b"\n") + b"\n" for number in range(3))
        raw = eml(Subject=b"\xff") + b"\x00\xfe\rbare"
        upload = self.upload(("a.eml", raw), ("box.mbox", LINE + one + b"\n" + LINE + two + b"\n"), ("c", three))
        self.assertEqual(self.counts(upload), (4, 0, 0))
        rows = self.rows(upload)
        for row, content in zip(rows, (raw, one, two, three), strict=True):
            self.assertKept(row, content)
            self.assertEqual((row.source, row.company_id), ("upload", self.company))
        self.assertFalse(upload.attachment_ids)

    def test_what_was_uploaded_before_is_known(self):
        first = self.upload(("a.eml", eml()), ("b.eml", b"Subject: b\n\nb"))
        again = self.upload(("b.eml", b"Subject: b\n\nb"), ("c.eml", eml()), ("twice.eml", b"Subject: b\n\nb"))
        self.assertEqual((self.counts(first), self.counts(again)), ((2, 0, 0), (1, 2, 0)))
        self.assertEqual(len(self.rows(again)), 2)

    def test_what_cannot_be_read_is_named_and_harms_nothing(self):
        good = eml().replace(b"\r\n", b"\n") + b"\n"
        upload = self.upload(
            ("photo.jpg", b"\xff\xd8\xff"),
            ("empty.eml", b""),
            ("box", LINE + good + b"\n" + LINE + b"??\n\n" + LINE + eml()),
        )
        self.assertEqual(self.counts(upload), (2, 0, 3))
        self.assertEqual(
            upload.problems.splitlines(),
            [
                "photo.jpg, message 1: it is no email: save it as .eml or mbox",
                "empty.eml, message 1: it is empty",
                "box, message 2: it is no email: save it as .eml or mbox",
            ],
        )

    def test_a_long_list_of_problems_is_cut(self):
        upload = self.upload(*((f"{number}.jpg", b"\xff") for number in range(25)))
        self.assertEqual(
            upload.problems.splitlines()[19:],
            ["19.jpg, message 1: it is no email: save it as .eml or mbox", "… and 5 more"],
        )

    def test_the_settings_apply(self):
        mailbox = self.mailbox(company_id=self.other_company.id)
        intake, _token = self.intake(target_model="res.partner", size_limit=1)
        for number, values in enumerate(
            ({"server_id": mailbox.id}, {"intake_id": intake.id}, {"target_model": "res.partner"})
        ):
            with self.subTest(values):
                row = self.rows(self.upload(("a.eml", eml(Subject=f"Settings {number}")), **values))
                self.process()
                self.assertOutcome(row, "done", "record_created")
                self.assertEqual(row.res_model, "res.partner")
        large = self.upload(("large.eml", eml() + b"x" * 1024 * 1024), intake_id=intake.id)
        self.assertEqual(large.problems, "large.eml, message 1: it is over the size limit")

    def test_without_settings_aliases_route(self):
        self.alias("help")
        row = self.rows(self.upload(("a.eml", eml(To="help@gateway.test"))))
        other = self.rows(self.upload(("b.eml", eml(To="x@foreign.test"))))
        self.process()
        self.assertOutcome(row, "done", "record_created")
        self.assertOutcome(other, "quarantined", "no_route")

    def test_what_a_mailbox_brought_is_not_processed_twice(self):
        mailbox = self.mailbox()
        content = eml(Subject="Brought")
        self.receive(content, mailbox)
        row = self.rows(self.upload(("a.eml", content), server_id=mailbox.id))
        self.process()
        self.assertOutcome(row, "duplicate", "known_message_id")
        self.assertEqual(len(self.partners("Brought")), 1)

    def test_limits_and_choices(self):
        with self.assertRaisesRegex(UserError, "Choose a file first"):
            self.upload()
        with self.assertRaisesRegex(ValidationError, "not several"):
            self.upload(("a.eml", eml()), server_id=self.mailbox().id, target_model="res.partner")
        self.patch(spp_email_upload, "MOST_MESSAGES", 2)
        with self.assertRaisesRegex(UserError, "More than 2 messages"):
            self.upload(*((f"{number}.eml", eml()) for number in range(3)))

    def test_only_managers_upload(self):
        for user in (self.plain, self.viewer, self.officer):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.env["spp.email.upload"].with_user(user).create({})
        theirs = self.upload(("a.eml", eml()))
        with self.assertRaises(AccessError):
            theirs.with_user(self.system).read(["problems"])
