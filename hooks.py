# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What happens on install and uninstall: nothing is sent, fetched, flagged or lost by either."""

from odoo.exceptions import UserError

from .engine.errors import SealError
from .models.sealed_column import open_columns, seal_columns


def post_init_hook(env):
    """Make the first signing key, seal what lies in clear, and leave existing servers working as they did."""
    env["spp.email.token.key"]._add_key()
    # Odoo never verified certificates of mailboxes, and spoke clear text where SSL/TLS was off. Existing mailboxes
    # go on like that, with a warning on the form; new ones are verified.
    env.cr.execute("UPDATE fetchmail_server SET gateway_use_starttls = FALSE, gateway_skip_verification = TRUE")
    # They were read from the start, deleted from POP at once, and knew no size that was too large.
    env.cr.execute(
        "UPDATE fetchmail_server"
        " SET gateway_start = 'everything', gateway_pop_leave_days = 0, gateway_size_limit = 0"
    )
    env.cr.execute("UPDATE fetchmail_server SET gateway_action = 'create' WHERE object_id IS NOT NULL")
    # The parameters of the mail set-up show the main alias domain's values from now on.
    env["mail.alias.domain"]._gateway_show_parameters()
    seal_columns(env)


def uninstall_hook(env):
    """Give the credentials back as Odoo keeps them.

    Raises:
        UserError: a credential cannot be opened, or a message has become nothing yet; uninstalling would lose it.
    """
    # The journal goes with the addon, and the mailboxes count these messages as read, or have deleted them.
    waiting = env["spp.email.inbound"].search_count(
        [("state", "in", ("received", "processing", "retry", "quarantined"))], limit=1000
    )
    if waiting:
        raise UserError(
            env._(
                "%s incoming messages are unprocessed or in quarantine, and uninstalling would lose them. "
                "Open Email Gateway → Journal, and retry or discard them first.",
                waiting,
            )
        )
    env["mail.mail"]._gateway_hand_back()
    env["spp.email.suppression"]._gateway_hand_back()
    try:
        open_columns(env)
    except SealError as error:
        raise UserError(
            env._(
                "The stored passwords cannot be opened, so uninstalling would lose them. %s "
                "To uninstall without them, empty the passwords first.",
                error,
            )
        ) from error
