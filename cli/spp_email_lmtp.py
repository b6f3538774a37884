# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The command `odoo spp_email_lmtp`."""

# Odoo loads this file as odoo.cli.spp_email_lmtp, and says "Unknown command" where an import fails: everything else is
# imported when it runs.
from odoo.cli import Command


class SppEmailLmtp(Command):
    """Take in mail by LMTP, for an intake of the email gateway.

    Postfix: virtual_transport = lmtp:unix:/run/odoo/lmtp.sock (or lmtp:inet:127.0.0.1:2424)
    """

    name = "spp_email_lmtp"
    epilog = "LMTP knows no passwords: who can reach the place can hand in mail."

    def run(self, args):
        import grp
        import logging
        import os
        import socket

        from odoo.tools import config

        parser = self.parser
        parser.add_argument("-c", "--config", help="Odoo's configuration file")
        parser.add_argument("-d", "--database", help="name of the database; default: that of the configuration")
        parser.add_argument("--intake", help="name or id of the intake; default: the only one")
        place = parser.add_mutually_exclusive_group(required=True)
        place.add_argument("--socket", metavar="PATH", help="listen on a unix socket")
        place.add_argument("--listen", metavar="HOST:PORT", help="listen on a TCP port of this machine")
        parser.add_argument("--socket-mode", default="660", help="rights of the socket, octal (default: 660)")
        parser.add_argument("--socket-group", metavar="GROUP", help="group of the socket, such as postfix")
        parser.add_argument("--trust-network", action="store_true", help="listen for other machines, without password")
        parser.add_argument("--connections", type=int, default=20, help="at once (default: 20)")
        parser.add_argument("--timeout", type=float, default=300, help="seconds for a command (default: 300)")
        options = parser.parse_args(args)

        command = ["--no-http"]
        command += ["-c", options.config] if options.config else []
        command += ["-d", options.database] if options.database else []
        config.parse_config(command, setup_logging=True)
        databases = config["db_name"]
        if len(databases) != 1:
            parser.error("name one database with -d")
        # aiosmtpd writes each command, with its addresses, into this log.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        host, port = "", 0
        if options.listen:
            host, _colon, number = options.listen.rpartition(":")
            host, port = host.strip("[]"), int(number) if number.isdigit() else 0
            if not host or not port:
                parser.error("--listen needs HOST:PORT")
            if not options.trust_network and not _is_this_machine(host):
                parser.error("LMTP knows no passwords; --listen for other machines needs --trust-network")
        if options.socket:
            _remove_dead_socket(options.socket, parser)

        from odoo.addons.spp_email_gateway.controllers.lmtp_desk import LmtpDesk
        from odoo.addons.spp_email_gateway.engine.lmtp import Limits, LmtpServer

        intake_id, size = _find_intake(databases[0], options.intake, parser)
        logger = logging.getLogger("odoo.addons.spp_email_gateway.lmtp")
        server = LmtpServer(
            LmtpDesk(databases[0], intake_id),
            Limits(size, options.connections, options.timeout),
            socket.gethostname(),
            lambda name: logger.error("A message could not be taken: %s.", name),
        )

        def opened():
            if options.socket:
                os.chmod(options.socket, int(options.socket_mode, 8))
                if options.socket_group:
                    os.chown(options.socket, -1, grp.getgrnam(options.socket_group).gr_gid)
            logger.info("LMTP is open for intake %s.", intake_id)

        try:
            _serve(server, {"path": options.socket or "", "host": host, "port": port}, opened)
        finally:
            if options.socket and os.path.exists(options.socket):
                os.unlink(options.socket)


def _serve(server, place, opened):
    """Serve until SIGTERM or SIGINT; messages in work are answered first."""
    import asyncio
    import signal

    async def serve():
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await server.listen(**place)
        opened()
        await stop.wait()
        await server.close()

    asyncio.run(serve())


def _find_intake(database, wanted, parser):
    """Return (id, size limit in octets) of the intake with this name or id, the only one when None."""
    from odoo import SUPERUSER_ID
    from odoo.api import Environment
    from odoo.modules.registry import Registry

    with Registry(database).cursor() as cr:
        intakes = Environment(cr, SUPERUSER_ID, {})["spp.email.intake"].search([])
        if wanted:
            found = intakes.filtered(lambda intake: intake.name == wanted or str(intake.id) == wanted)
        else:
            found = intakes
        if len(found) != 1:
            parser.error(f"{len(found)} intakes are meant; name one with --intake (Email Gateway → Incoming → Intakes)")
        return found.id, found._size_limit_bytes()


def _is_this_machine(host):
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _remove_dead_socket(path, parser):
    """Remove what a killed server left behind; never the socket of one that lives, nor a file."""
    import os
    import socket
    import stat

    if not os.path.exists(path):
        return
    if not stat.S_ISSOCK(os.stat(path).st_mode):
        parser.error("--socket names a file that is no socket")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    parser.error("another server listens on this socket")
