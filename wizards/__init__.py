# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from . import spp_email_intake_token, spp_email_upload
