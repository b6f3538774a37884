# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whose lines lose what. A module of a chosen name is made where it matters who is at work."""

from __future__ import annotations

import io
import logging
import sys
import time
import types
import unittest

from ...engine.log_filter import PersonalDataFilter, install

PLANTED = ("ann@ngo.example", "Ann", "Help me", "mail.ngo.example", "hunter2")
TEMPLATE = "%s of the module"


def _call(what):
    what()


def _fail(text):
    raise ValueError(text)


def in_module(name, function):
    """Return a function as if it stood in a module of this name."""
    return types.FunctionType(function.__code__, {**globals(), "__name__": name})


class Broken:
    def __str__(self):
        raise RuntimeError("Ann")


class TestLogFilter(unittest.TestCase):
    def setUp(self):
        self.out = io.StringIO()
        self.handler = logging.StreamHandler(self.out)
        self.handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
        self.handler.addFilter(PersonalDataFilter({"crm.lead"}.__contains__))

    def logger(self, name):
        logger = logging.getLogger(name)
        level, propagate = logger.level, logger.propagate
        logger.addHandler(self.handler)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        self.addCleanup(logger.setLevel, level)
        self.addCleanup(setattr, logger, "propagate", propagate)
        self.addCleanup(logger.removeHandler, self.handler)
        return logger

    def logged(self):
        self.handler.flush()
        text = self.out.getvalue().rstrip("\n")
        self.out.seek(0)
        self.out.truncate()
        return text

    def test_lines_about_mail_keep_ids_and_models(self):
        logger = self.logger("odoo.addons.mail.models.mail_thread")
        logger.info("From %s to %s: %s %s %r", "Ann <ann@ngo.example>", "b@c.d", "crm.lead", 7, "Help me")
        self.assertEqual(
            self.logged(), "INFO odoo.addons.mail.models.mail_thread From [hidden] to [address]: crm.lead 7 '[hidden]'"
        )

    def test_a_line_with_named_values(self):
        self.logger("odoo.addons.mail.x").info("%(who)s %(number)d", {"who": "Ann", "number": 5})
        self.assertEqual(self.logged(), "INFO odoo.addons.mail.x [hidden] 5")

    def test_a_line_that_was_put_together_before_shows_its_place_only(self):
        logger = self.logger("odoo.addons.mail.models.mail_thread")
        logger.info("Routing " + PLANTED[2])
        self.assertRegex(self.logged(), r"mail_thread \[hidden\] \(test_log_filter.py:\d+\)$")
        logger.info("of " + PLANTED[1] + " %s", 5)
        self.assertNotIn("Ann", self.logged())
        logger.info("Nothing to do")
        self.assertTrue(self.logged().endswith("Nothing to do"))
        logger.info(TEMPLATE, 5)
        self.assertTrue(self.logged().endswith("5 of the module"))

    def test_calls_keep_the_name_of_the_method(self):
        self.logger("odoo.service.model").debug("call %s.%s(%s)", "crm.lead", "create", Broken())
        self.assertTrue(self.logged().endswith("call crm.lead.create(<Broken>)"))

    def test_an_error_of_mail_shows_places_and_types(self):
        logger = self.logger("odoo.addons.mail.models.mail_mail")
        try:
            raise ValueError(" ".join(PLANTED))
        except ValueError:
            logger.exception("Failed mail %s", 5)
        text = self.logged()
        self.assertIn('mail_mail Failed mail 5\nTraceback (most recent call last):\n  File "', text)
        self.assertTrue(text.endswith("\nValueError: [hidden]"), text)

    def test_statements_lose_their_values_at_every_level(self):
        logger = self.logger("odoo.sql_db")
        logger.debug("[%.3f ms] query: %s", 1.5, "SELECT 1 FROM x WHERE email = 'ann@ngo.example' AND id = 5")
        self.assertTrue(self.logged().endswith("[1.500 ms] query: SELECT 1 FROM x WHERE email = '?' AND id = 5"))
        logger.error("bad query: %s\nERROR: %s", b"INSERT INTO x VALUES ('Ann')", ValueError("DETAIL: (Ann)"))
        self.assertTrue(self.logged().endswith("bad query: INSERT INTO x VALUES ('?')\nERROR: ValueError: [hidden]"))

    def test_other_lines_lose_addresses_only(self):
        logger = self.logger("odoo.addons.other.models.thing")
        logger.info("Thing %s of %s is %r", "Chair", 5, "red")
        self.assertTrue(self.logged().endswith("Thing Chair of 5 is 'red'"))
        logger.info("Thing %s of %s", "Chair", "ann@ngo.example")
        self.assertTrue(self.logged().endswith("Thing Chair of [address]"))
        try:
            raise KeyError("colour of ann@ngo.example")
        except KeyError:
            logger.exception("Thing %s", "Chair")
        self.assertTrue(self.logged().endswith("KeyError: 'colour of [address]'"))

    def test_other_programs_are_left_alone(self):
        self.logger("somebody.else").info("to %s", "ann@ngo.example")
        self.assertEqual(self.logged(), "INFO somebody.else to ann@ngo.example")

    def test_own_lines_keep_their_words(self):
        self.logger("odoo.addons.spp_email_gateway.models.x").warning("Email %s: %s.", 5, "ValueError")
        self.assertTrue(self.logged().endswith("Email 5: ValueError."))

    def test_while_mail_is_worked_on_every_line_is_about_mail(self):
        logger = self.logger("odoo.addons.other.models.thing")
        other = self.logger("somebody.else")
        for name, is_work in (
            ("odoo.addons.spp_email_gateway.models.spp_email_batch", True),
            ("odoo.addons.other.models.work", False),
        ):
            process = in_module(name, _call)
            for each in (logger, other):
                process(lambda each=each: each.info("Made %s for %s", "Help me", "crm.lead"))
                words = "Made [hidden] for crm.lead" if is_work else "Made Help me for crm.lead"
                self.assertTrue(self.logged().endswith(words))

    def test_an_error_out_of_mail_code_is_hidden_wherever_it_is_logged(self):
        name = "odoo.addons.mail.models.fetchmail"
        fail = in_module(name, _fail)
        logger = self.logger("odoo.http")
        for words in (logger.warning, lambda error: logger.error("Failed", exc_info=error)):
            try:
                fail(" ".join(PLANTED))
            except ValueError as error:
                words(error)
            text = self.logged()
            self.assertTrue(text.endswith("ValueError: [hidden]"), text)
            for planted in PLANTED:
                self.assertNotIn(planted, text)

    def test_a_line_that_cannot_be_read_fails_nobody(self):
        logger = self.logger("odoo.addons.other")
        logger.info("x %s", Broken())
        self.assertTrue(self.logged().endswith("[hidden] (RuntimeError while this line was masked)"))
        logger.info("two %s %s", "one")
        self.assertTrue(self.logged().endswith("[hidden] (TypeError while this line was masked)"))

    def test_it_is_put_on_a_handler_once(self):
        logger, filter_ = logging.Logger("alone"), PersonalDataFilter()
        logger.addHandler(logging.NullHandler())
        self.assertEqual([install(filter_, [logger]), install(PersonalDataFilter(), [logger])], [1, 0])

    def test_a_record_of_two_handlers_is_masked_once(self):
        logger = self.logger("odoo.addons.mail.x")
        second = logging.StreamHandler(self.out)
        second.addFilter(PersonalDataFilter())
        logger.addHandler(second)
        self.addCleanup(logger.removeHandler, second)
        logger.info("%s %s", "crm.lead", "Ann")
        self.assertEqual(self.logged(), "INFO odoo.addons.mail.x crm.lead [hidden]\ncrm.lead [hidden]")

    def test_a_line_costs_microseconds(self):
        logger = self.logger("odoo.addons.other")
        begin = time.perf_counter()
        for number in range(2000):
            logger.info("Thing %s of %s", number, "x")
        took = (time.perf_counter() - begin) / 2000
        self.assertLess(took, 0.0005, sys.version)
