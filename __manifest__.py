# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
# pylint: disable=pointless-statement
{
    "name": "OpenSPP Email Gateway",
    "summary": "Sends and receives email without losing, believing or flooding",
    "version": "19.0.1.0.0",
    "category": "OpenSPP/Integration",
    "author": "OpenSPP.org",
    "website": "https://github.com/OpenSPP/OpenSPP2",
    "license": "LGPL-3",
    "development_status": "Alpha",
    "maintainers": ["OpenSPP"],
    "depends": ["mail"],
    "external_dependencies": {"python": ["imapclient", "cryptography"]},
    "data": [
        "security/privileges.xml",
        "security/groups.xml",
        "security/ir.model.access.csv",
        "security/rules.xml",
        "data/ir_cron.xml",
        "data/mail_activity_type.xml",
        "views/spp_email_inbound_views.xml",
        "views/spp_email_health_views.xml",
        "views/fetchmail_server_views.xml",
        "views/fetchmail_server_interval_views.xml",
        "views/ir_mail_server_views.xml",
        "views/menus.xml",
    ],
    "assets": {
        "web.assets_backend": [
            "spp_email_gateway/static/src/**/*",
        ],
    },
    "post_init_hook": "post_init_hook",
    "uninstall_hook": "uninstall_hook",
    "application": False,
    "installable": True,
    "auto_install": False,
}
