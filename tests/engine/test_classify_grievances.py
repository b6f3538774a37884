# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What people write in the words of machines: the classifier says that it only has words to go by."""

from ...engine.classify import classify, classify_no_report
from ...engine.doubtful_report import doubt_report
from ...engine.message_kind import REPORTS, Classification
from ...engine.message_kind import MessageKind as K
from ...engine.pipeline import walk
from ...engine.summary import summarize
from .case import EngineCase

TO = "To: box@example.com\n"
PASTED = (
    "My complaint came back, so I write here. My children have no food.\n\n"
    "This is the mail system at host mx.example.net.\n\n<office@district.example>: host mx.example.net said: "
    "550 5.1.1 User unknown\n\n------ This is a copy of the message ------\nTo: office@district.example\n"
    "Message-ID: <7@gmail.example>\nSubject: my complaint\n\nplease\n"
)
FORM = "Auto-Submitted: auto-generated\n"

# Header, text, what it is if it is about no mail of ours.
TAKEN_FOR_REPORTS = (
    (
        "From: Ann <ann@gmail.example>\nSubject: Delivery failure when I write to your district office\n",
        "I wrote to office@district.example and it could not be delivered: 550 5.1.1 user unknown. My children have "
        "no food.\n",
        K.PERSON,
    ),
    (
        "From: Ann <ann@gmail.example>\nSubject: Mail could not be delivered to your office\n",
        "I wrote to office@district.example. It could not be delivered: 5.1.1\n",
        K.PERSON,
    ),
    ("From: Ann <ann@gmail.example>\nSubject: Undeliverable: my complaint\n", PASTED, K.PERSON),
    (
        "From: admin@ngo.example\nSubject: Undelivered food aid in Kitui\n",
        "The food could not be delivered to the families of joe@relief.example.\n",
        K.PERSON,
    ),
    (
        "From: postmaster@ngo.example\nSubject: Undelivered food aid in Kitui\n",
        "The food did not arrive. Please write to joe@relief.example.\n",
        K.AUTO_GENERATED,
    ),
    (
        "From: Mail Server Form <form@ngo.example>\nSubject: Failure of the food distribution\n" + FORM,
        "No food came. joe@relief.example\n",
        K.AUTO_GENERATED,
    ),
    (
        "From: System Administrator <form@ngo.example>\nSubject: Error in my household's list\n" + FORM,
        "We are not on the list.\n",
        K.AUTO_GENERATED,
    ),
    (
        "From: Web Form <form@ngo.example>\nSubject: Grievance\n" + FORM,
        "My mail came back:\nFinal-Recipient: rfc822; office@district.example\nAction: failed\nStatus: 5.1.1\n",
        K.AUTO_GENERATED,
    ),
    # A null return path, and no word of a failed delivery but the subject's.
    (
        "From: System Administrator <form@ngo.example>\nReturn-Path: <>\nSubject: Crop failure in Kitui\n",
        "Nothing grew this year.\n",
        K.AUTO_GENERATED,
    ),
    ("From: <>\nSubject: Failed crops\n", "Nothing grew this year.\n", K.PERSON),
)

# Header, text: a mail server's own sign in the header decides.
SURE = (
    ("From: MAILER-DAEMON@mx.example.org\nSubject: failure notice\n", PASTED),
    ("From: <>\nReturn-Path: <>\nSubject: failure notice\n", PASTED),
    ("From: postmaster@mx.example.org\nReturn-Path: <>\nSubject: Undeliverable: hello\n", PASTED),
    ("From: shop@example.org\nReturn-Path: <>\nSubject: Returned mail\n", "<jo@example.net>: user unknown\n"),
    ("From: x@example.org\nX-Failed-Recipients: jo@example.net\nSubject: Mail delivery failed\n", "anything\n"),
    (
        "From: x@example.org\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n",
        "--b\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822; jo@example.net\nAction: failed\n",
    ),
)

ALL, BULK, REPLY = "X-Auto-Response-Suppress: All\n", "Precedence: bulk\n", "In-Reply-To: <1@example.com>\n"
NULL = "Return-Path: <>\n"
GRIEVANCE_SUBJECTS = (
    ("Absent teacher in Kitui", ALL),
    ("Absenteeism of teachers", BULK),
    ("Absent doctor at the clinic", REPLY),
    ("Absent doctor at the clinic", NULL),
    ("On leave for two years, and still on the list", REPLY),
    ("Vacation pay was not given to us", ALL),
    ("I am away from my village and have no food", ALL),
    ("I'm out of food", NULL),
    ("On holiday nobody gives out water", BULK),
    ("Отсутствует вода", NULL),
    ("Poissaolo koulusta", ALL),
    ("Nicht im Haushalt gezählt", ALL),
    ("İzin belgesi verilmedi", ALL),
    # An answer has In-Reply-To, whoever wrote it.
    ("Automatic reply: Leaking roof", REPLY),
)
NOTICE_SUBJECTS = (
    ("Absent", ALL),
    ("Absent: toit", ALL),
    ("Absent - toit", NULL),
    ("Absent du 3 au 5 mai", NULL),
    ("Absence du bureau : toit", NULL),
    ("Abwesend bis 3.5.", NULL),
    ("Abwesenheitsnotiz: Dach", ALL),
    ("Vacation", BULK),
    ("Vacation reply", BULK),
    ("On leave until Monday", NULL),
    ("On vacation Re: Leaking roof", NULL),
    ("I am away until Monday", NULL),
    ("I am out of the office", NULL),
    ("Out of office", ALL),
    ("Out of Office AutoReply: Leaking roof", ALL),
    ("Automatic reply: Leaking roof", NULL),
    ("Automatyczna odpowiedź: dach", NULL),
    ("Automatická odpověď: střecha", NULL),
    ("Автоответ: крыша", NULL),
    ("自動返信: 屋根", NULL),
    ("不在通知", NULL),
)


def read(source):
    content = source.encode().replace(b"\n", b"\r\n")
    summary = summarize(content)
    return content, summary, classify(content, summary)


class TestClassifyGrievances(EngineCase):
    def test_words_without_a_sign_are_marked(self):
        for head, text, otherwise in TAKEN_FOR_REPORTS:
            with self.subTest(head=head):
                _content, summary, found = read(f"{head}{TO}\n{text}")
                self.assertTrue(found.kind not in REPORTS or found.is_by_words, found)
                self.assertEqual(classify_no_report(summary).kind, otherwise)
                if "Return-Path" not in head:
                    self.assertNotIn("null return path", str(found.steps))

    def test_a_mail_servers_own_sign_is_not_doubted(self):
        for head, text in SURE:
            with self.subTest(head=head):
                found = read(f"{head}{TO}\n{text}")[2]
                self.assertEqual((found.kind, found.is_by_words), (K.DELIVERY_FAILURE, False))

    def test_a_report_by_words_about_nothing_of_ours_is_what_its_header_says(self):
        for head, text, otherwise in TAKEN_FOR_REPORTS:
            with self.subTest(head=head):
                _content, summary, found = read(f"{head}{TO}\n{text}")
                facts = {"kind": found, "automatic": found.automatic}
                passage = walk([doubt_report(lambda _found: False)], summary, facts)
                self.assertEqual(passage.facts["kind"].kind, otherwise)
                self.assertFalse(passage.facts["kind"].reports)
                # It may have been a machine all the same.
                self.assertEqual(passage.facts["automatic"], found.automatic)
                self.assertTrue(passage.trace.steps or found.kind not in REPORTS)

    def test_what_is_about_mail_of_ours_stays_a_report(self):
        _content, summary, found = read(f"{TAKEN_FOR_REPORTS[0][0]}{TO}\n{TAKEN_FOR_REPORTS[0][1]}")
        passage = walk([doubt_report(lambda _found: True)], summary, {"kind": found})
        self.assertIs(passage.facts["kind"], found)

    def test_nobody_is_asked_about_anything_else(self):
        def ask(_found):
            raise AssertionError("asked")

        sure = read(f"{SURE[0][0]}{TO}\n{SURE[0][1]}")[2]
        away = read(f"From: ann@example.org\nSubject: Absent\n{ALL}{TO}\nx\n")[2]
        for found in (sure, away, Classification(), None):
            with self.subTest(found=found):
                summary = summarize(b"From: ann@example.org\r\n\r\nx")
                self.assertIs(walk([doubt_report(ask)], summary, {"kind": found}).facts["kind"], found)

    def test_a_word_at_the_beginning_of_a_subject_is_no_notice(self):
        for subject, field in GRIEVANCE_SUBJECTS:
            with self.subTest(subject=subject, field=field):
                found = read(f"From: Ann <ann@example.org>\nSubject: {subject}\n{field}{TO}\nx\n")[2]
                self.assertNotEqual(found.kind, K.AUTOMATIC_REPLY)

    def test_a_notices_subject_beside_a_fitting_field_is_one_by_words(self):
        for subject, field in NOTICE_SUBJECTS:
            with self.subTest(subject=subject, field=field):
                found = read(f"From: Ann <ann@example.org>\nSubject: {subject}\n{field}{TO}\nx\n")[2]
                self.assertEqual((found.kind, found.is_by_words), (K.AUTOMATIC_REPLY, True))

    def test_a_header_that_says_so_is_not_doubted(self):
        for field in ("Auto-Submitted: auto-replied\n", "X-Autoreply: yes\n", "Precedence: auto_reply\n"):
            with self.subTest(field=field):
                found = read(f"From: Ann <ann@example.org>\nSubject: Absent teacher\n{field}{TO}\nx\n")[2]
                self.assertEqual((found.kind, found.is_by_words), (K.AUTOMATIC_REPLY, False))
