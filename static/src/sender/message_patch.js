// Part of OpenSPP. See LICENSE file for full copyright and licensing details.

import { Message } from "@mail/core/common/message";
import { Message as MessageModel } from "@mail/core/common/message_model";
import { _t } from "@web/core/l10n/translation";
import { patch } from "@web/core/utils/patch";

// Quiet where all is well, and loud where it is not.
const SIGNS = {
    proved: { icon: "fa fa-shield text-success", label: _t("Sender proved.") },
    unproved: {
        icon: "fa fa-exclamation-triangle text-warning",
        label: _t("Claims to be one of us, and nothing proves it."),
    },
    forged: { icon: "fa fa-exclamation-triangle text-danger", label: _t("Not who it claims to be.") },
};

patch(MessageModel.prototype, {
    setup() {
        super.setup(...arguments);
        /** What is known of the sender of an email: proved, unproved, forged, or nothing; only told to staff. */
        this.gateway_sender_mark = undefined;
        /** Why, in words. */
        this.gateway_sender_words = undefined;
    },
});

patch(Message.prototype, {
    get gatewaySenderSign() {
        const message = this.props.message;
        const sign = SIGNS[message.gateway_sender_mark];
        if (!sign) {
            return undefined;
        }
        const words = message.gateway_sender_words || "";
        return { icon: sign.icon, text: `${sign.label} ${words}`.trim() };
    },
});
