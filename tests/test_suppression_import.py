# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import base64

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .test_suppression import SuppressionCase


@tagged("post_install", "-at_install")
class TestSuppressionImport(SuppressionCase):
    def import_file(self, text, user=None, **values):
        content = text if isinstance(text, bytes) else text.encode()
        wizard = self.env["spp.email.suppression.import"].with_user(user or self.manager)
        wizard = wizard.create({"file": base64.b64encode(content), "file_name": "list.csv", **values})
        wizard.action_import()
        return wizard

    def counts(self, wizard):
        return wizard.new_count, wizard.known_count, wizard.problem_count

    def test_addresses_enter_with_reason_expiry_and_note(self):
        wizard = self.import_file(
            "address,reason,expiry,note\n"
            "Ann@A.org,hard_bounce,,left\nben@b.org,complaint,,\ncy@c.org,,2099-01-02,by fax\n"
        )
        self.assertEqual(self.counts(wizard), (3, 0, 0))
        rows = {row.address: row for row in self.listed.search([("id", "in", wizard.row_ids)])}
        ann, ben, cy = rows["ann@a.org"], rows["ben@b.org"], rows["cy@c.org"]
        self.assertEqual([row.reason for row in (ann, ben, cy)], ["hard_bounce", "complaint", "import"])
        self.assertEqual({row.source for row in (ann, ben, cy)}, {"file"})
        self.assertEqual((ann.expiry_date - ann.entered_date).days, 180)
        self.assertEqual((ben.expiry_date, str(cy.expiry_date), cy.note), (False, "2099-01-02 23:59:59", "by fax"))
        self.assertEqual((ann.note, ann.has_bounced, ann.company_id), ("left", True, self.manager.company_id))
        self.assertEqual((self.events(ann), ann.event_ids.user_id), (["entered"], self.manager))

    def test_bad_lines_are_named_and_the_others_enter(self):
        wizard = self.import_file(
            "email,expiry\nann@a.org,\nnobody,\nben@b.org,31/12/2099\ncatchall@gateway.test,\ncy@c.org,\n"
        )
        self.assertEqual(self.counts(wizard), (2, 0, 3))
        self.assertEqual(
            wizard.problems.split("\n"),
            [
                "Line 3: “nobody” is no address",
                "Line 4: “31/12/2099” is no date such as 2027-12-31",
                "Line 5: this database itself reads or sends from it",
            ],
        )
        bad = base64.b64decode(wizard.bad_lines).decode("utf-8-sig").splitlines()
        self.assertEqual(bad[0], "line,problem,content")
        self.assertEqual(len(bad), 4)
        self.assertEqual(bad[2], '4,“31/12/2099” is no date such as 2027-12-31,"ben@b.org,31/12/2099"')
        self.assertFalse(wizard.file, "addresses are not kept longer than they are needed")

    def test_many_bad_lines_are_all_in_the_file(self):
        wizard = self.import_file("email\n" + "wrong\n" * 100)
        self.assertEqual(self.counts(wizard), (0, 0, 100))
        self.assertTrue(wizard.problems.endswith("… and 80 more, which the file below has"))
        self.assertEqual(len(base64.b64decode(wizard.bad_lines).splitlines()), 101)

    def test_what_is_listed_stays_as_it_is_and_what_was_removed_enters_again(self):
        complaint, removed = self.learn(self.report("complained")), self.hard("ben@b.org")
        removed._remove_by_hand("x")
        wizard = self.import_file("ann@a.org,hard_bounce\nben@b.org,complaint,,again")
        self.assertEqual(self.counts(wizard), (1, 1, 0))
        self.assertEqual((complaint.reason, complaint.source), ("complaint", "report"))
        self.assertEqual(
            (removed.active, removed.reason, removed.source, removed.note), (True, "complaint", "file", "again")
        )

    def test_the_reason_where_the_file_says_none(self):
        wizard = self.import_file("email\nann@a.org\n", reason="hard_bounce")
        self.assertEqual(self.listed.browse(wizard.row_ids).reason, "hard_bounce")

    def test_a_providers_export(self):
        wizard = self.import_file("status,reason,email,created\n5.1.1,550 5.1.1 unknown,ann@a.org,1700000000\n")
        row = self.listed.browse(wizard.row_ids)
        self.assertEqual((row.reason, row.note), ("hard_bounce", "5.1.1; 550 5.1.1 unknown"))
        self.assertEqual(wizard.ignored_columns, "created")

    def test_for_all_companies(self):
        wizard = self.import_file("ann@a.org", company_id=False)
        self.assertFalse(self.listed.browse(wizard.row_ids).company_id)

    def test_what_cannot_be_read_as_a_whole(self):
        for content, words in (
            ("", "Choose a file first."),
            ("name,phone\nann,1", "The first line names no column of addresses."),
            ("\n\n", "The file is empty."),
        ):
            with self.subTest(words), self.assertRaisesRegex(UserError, words):
                self.import_file(content)

    def test_only_managers_import(self):
        for user in (self.plain, self.viewer, self.officer):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.import_file("ann@a.org", user)

    def test_not_for_another_company(self):
        with self.assertRaises(AccessError):
            self.import_file("ann@a.org", company_id=self.other_company.id)

    def test_two_thousand_addresses_in_one_go_and_again(self):
        text = "email\n" + "".join(f"p{number}@a.org\n" for number in range(2000))
        wizard = self.import_file(text)
        self.assertEqual(self.counts(wizard), (2000, 0, 0))
        self.assertEqual(self.counts(self.import_file(text)), (0, 2000, 0))
