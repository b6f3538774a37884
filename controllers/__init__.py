# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from . import inbound, intake, monitoring, oauth, sent
