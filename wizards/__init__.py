# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from . import spp_email_folder_choice, spp_email_folder_choice_line, spp_email_start
