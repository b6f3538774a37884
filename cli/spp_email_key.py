# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""`odoo spp_email_key new|status|rotate`: the keys that seal the gateway's credentials.

Odoo loads this file as `odoo.cli.spp_email_key`, without the addon: all else is imported when it runs.
"""

from odoo.cli import Command

WORDS = ("new", "status", "rotate")


class SppEmailKey(Command):
    """Make a credential key, say which keys seal what, or seal all credentials anew with the first key"""

    name = "spp_email_key"

    def run(self, args):
        import sys

        from odoo.tools import config

        usage = "odoo spp_email_key new, or odoo spp_email_key status|rotate -d DATABASE[,DATABASE…]"
        # Before or behind the options.
        place = 0 if args[:1] and args[0] in WORDS else -1
        word, rest = (args[place], args[1:] if place == 0 else args[:-1]) if args else ("", [])
        if word not in WORDS:
            sys.exit(usage)
        if word == "new":
            from odoo.addons.spp_email_gateway.engine.seal import new_key

            print(new_key())
            return
        config.parser.prog = self.prog
        config.parse_config([*rest, "--no-http"], setup_logging=True)
        if not config["db_name"]:
            sys.exit(usage)

        from odoo.addons.spp_email_gateway.key_command import KeyCommand

        sys.exit(max(getattr(KeyCommand(name), word)() for name in config["db_name"]))
