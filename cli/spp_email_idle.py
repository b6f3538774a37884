# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""`odoo spp_email_idle -d DATABASE[,DATABASE…]`: mail is taken as it arrives.

Odoo loads this file as `odoo.cli.spp_email_idle`, without the addon: all else is imported when it runs.
"""

from odoo.cli import Command


class SppEmailIdle(Command):
    """Listen to all confirmed IMAP mailboxes (IMAP IDLE) and have arriving mail fetched at once"""

    name = "spp_email_idle"

    def run(self, args):
        import optparse
        import sys

        from odoo.tools import config

        parser = config.parser
        parser.prog = self.prog
        group = optparse.OptionGroup(parser, "Push")
        group.add_option(
            "--renew-minutes",
            dest="renew_minutes",
            type="float",
            default=9.0,
            help="begin each IDLE anew after so many minutes (less than 29, RFC 2177; default 9)",
        )
        parser.add_option_group(group)
        options = config.parse_config([*args, "--no-http"], setup_logging=True)
        if not config["db_name"]:
            sys.exit("Name the databases: odoo spp_email_idle -d DATABASE[,DATABASE…]")
        if not 0 < options.renew_minutes < 29:
            sys.exit("--renew-minutes has to be more than 0 and less than 29.")

        from odoo.addons.spp_email_gateway.push import Push

        sys.exit(Push(config["db_name"], renew_seconds=60 * options.renew_minutes).run())
