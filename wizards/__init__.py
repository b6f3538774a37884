# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from . import spp_email_dry_run
