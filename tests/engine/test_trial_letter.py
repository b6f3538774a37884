# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import smtplib

from ...engine.errors import GatewayError
from ...engine.trial_letter import describe_result, results_of
from .case import EngineCase

ANN, BOB = "ann@x.org", "bob@x.org"


def wrapped(error):
    """The error as Odoo raises it: another one, in whose context it is."""
    try:
        try:
            raise error
        except Exception:
            raise ValueError("Mail Delivery Failed")  # noqa: B904 - as Odoo does
    except ValueError as outer:
        return outer


class TestTrialLetter(EngineCase):
    def words(self, error, refused=None):
        results = results_of(error, (ANN, BOB), refused)
        return {one: (result.state.value, describe_result(one, result)) for one, result in results.items()}

    def test_each_answer_in_words(self):
        for error, refused, ann, bob in (
            (None, None, ("sent", "ann@x.org: The server accepted it"), ("sent", "bob@x.org: The server accepted it")),
            (
                None,
                {"Bob@x.org": (550, b"5.1.1 No such user")},
                ("sent", "ann@x.org: The server accepted it"),
                ("failed", "bob@x.org: The server refused it (550 5.1.1 No such user)"),
            ),
            (
                smtplib.SMTPRecipientsRefused({ANN: (550, b"5.1.1 No such\nuser"), BOB: (451, b"later")}),
                None,
                ("failed", "ann@x.org: The server refused it (550 5.1.1 No such user)"),
                ("deferred", "bob@x.org: The server asked to try again later (451 later)"),
            ),
        ):
            with self.subTest(error=error, refused=refused):
                self.assertEqual(self.words(error, refused), {ANN: ann, BOB: bob})
                if error:
                    self.assertEqual(self.words(wrapped(error), refused), {ANN: ann, BOB: bob})

    def test_what_ends_it_for_all(self):
        for error, state, text in (
            (
                smtplib.SMTPSenderRefused(553, b"5.7.1 not yours", "a@x.org"),
                "failed",
                "The server refused it (553 5.7.1 not yours)",
            ),
            (smtplib.SMTPDataError(554, b"spam"), "failed", "The server refused it (554 spam)"),
            (
                smtplib.SMTPAuthenticationError(535, b"5.7.8 no"),
                "failed",
                "The server refused the login (535 5.7.8 no)",
            ),
            (
                GatewayError("No SMTP server answered.", phase="connect"),
                "deferred",
                "The server could not be reached (No SMTP server answered.)",
            ),
            (
                GatewayError("Wrong password.", phase="login", permanent=True),
                "failed",
                "The server refused the login (Wrong password.)",
            ),
            (
                smtplib.SMTPServerDisconnected("closed"),
                "unknown",
                "The connection broke before the server answered (closed)",
            ),
            (ValueError("no usable From"), "failed", "The message could not be composed (no usable From)"),
        ):
            with self.subTest(error=error):
                self.assertEqual(self.words(error)[BOB], (state, f"bob@x.org: {text}"))
