# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Record rules were made once and never updated: an older database keeps the doors of its day open."""


def migrate(cr, version):
    """Let this update write the rules of the addon anew, and remove those that it has no more."""
    cr.execute(
        "UPDATE ir_model_data SET noupdate = FALSE"
        " WHERE module = 'spp_email_gateway' AND model = 'ir.rule' AND noupdate"
    )
