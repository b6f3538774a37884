# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The gateway's screens, each with something in it, for tests that walk all of them."""

from __future__ import annotations

from .case import letter
from .test_resend import MESSAGE

# Nothing here is sent or fetched: port 9 is nobody's.
RECORDS = """
for model in ("fetchmail.server", "ir.mail_server", "spp.email.intake"):
    env[model].with_context(active_test=False).search([("name", "=like", "Walked %")]).unlink()
answer = {
    "mailbox": env["fetchmail.server"].create({
        "name": "Walked Mailbox", "server": "localhost", "port": 9, "user": "walked@example.test"}).id,
    "server": env["ir.mail_server"].create({
        "name": "Walked Server", "smtp_host": "localhost", "smtp_port": 9, "smtp_encryption": "starttls_strict",
        "smtp_user": "walked@example.test", "from_filter": "walked.test", "sequence": 99}).id,
    "intake": env["spp.email.intake"].create({"name": "Walked Intake"}).id,
    "delivery": env["spp.email.delivery"].search([("mail_id", "=", mail)], order="id", limit=1).id,
}
"""
ARABIC = "السلام عليكم، لم تستلم عائلتي أي مبلغ منذ شهر مارس. أرجو إخباري بمن أسأل."

# By the title that a person sees; {…} is the id of a record.
SCREENS = {
    "Quarantine": "email-quarantine",
    "Journal": "email-journal",
    "A message": "email-journal/{inbound}",
    "A mailbox": "incoming-email-servers/{mailbox}",
    "A new mailbox": "incoming-email-servers/new",
    "An intake": "email-intakes/{intake}",
    "A new rule": "incoming-rules/new",
    "Try a Message": "try-a-message",
    "An outgoing server": "outgoing-email-servers/{server}",
    "A new outgoing server": "outgoing-email-servers/new",
    "Deliveries": "email-deliveries",
    "A delivery": "email-deliveries/{delivery}",
    "Queue": "email-queue",
    "Suppression": "email-suppression",
    "A new suppressed address": "email-suppression/new",
    "A new round trip": "email-round-trips/new",
    "Health": "email-health",
    "A new team": "email-teams/new",
    "Retention": "email-retention",
    "Allowed Recipients": "email-recipients",
    "A new OAuth credential": "email-oauth/new",
    "Changes": "email-changes",
    "Who Did What": "email-who-did-what",
}


# Tests of other classes may have removed them meanwhile.
ARE_THERE = """
answer = all(
    env[model].browse(id).exists()
    for model, id in (("spp.email.inbound", walked["inbound"]), ("fetchmail.server", walked["mailbox"]),
        ("ir.mail_server", walked["server"]), ("spp.email.delivery", walked["delivery"])))
"""


def prepared(case):
    """Make the records that the screens show, unless they are there, and return their ids by the names in SCREENS."""
    world = case.world
    if not hasattr(world, "walked") or not case.ask(ARE_THERE, walked=world.walked):
        written = letter("شكوى", ARABIC, sender="أمينة ديالو <amina@remote.test>")
        *_earlier, inbound = case.fetched("letters", written, name="Walked Letters")
        found = case.ask(MESSAGE, author="admin")
        case.ask("env.ref('mail.ir_cron_mail_scheduler_action').active = True")
        world.walked = {"inbound": inbound, **found, **case.ask(RECORDS, mail=found["mail"])}
    return world.walked
