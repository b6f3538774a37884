# Part of OpenSPP. See LICENSE file for full copyright and licensing details.

from . import controllers, models, wizards
from .hooks import post_init_hook, uninstall_hook
