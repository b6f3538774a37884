# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""`odoo spp_email_find ADDRESS|MESSAGE-ID -d DATABASE`: what happened to a message, with the ids of all rows.

Odoo loads this file as `odoo.cli.spp_email_find`, without the addon: all else is imported when it runs.
"""

from odoo.cli import Command


class SppEmailFind(Command):
    """Print the timeline of each message of an address, or of one Message-ID, so that the log can be joined"""

    name = "spp_email_find"

    def run(self, args):
        import sys

        from odoo.tools import config

        usage = "odoo spp_email_find ADDRESS|MESSAGE-ID -d DATABASE[,DATABASE…]"
        # Before or behind the options.
        place = 0 if args[:1] and not args[0].startswith("-") else -1
        text, rest = (args[place], args[1:] if place == 0 else args[:-1]) if args else ("", [])
        if not text or text.startswith("-"):
            sys.exit(usage)
        config.parser.prog = self.prog
        config.parse_config([*rest, "--no-http"], setup_logging=True)
        if not config["db_name"]:
            sys.exit(usage)

        from odoo.addons.spp_email_gateway.find_command import FindCommand

        sys.exit(max(FindCommand(name).find(text) for name in config["db_name"]))
