// Part of OpenSPP. See LICENSE file for full copyright and licensing details.

import { registerMessageAction } from "@mail/core/common/message_actions";
import { Message } from "@mail/core/common/message_model";
import { _t } from "@web/core/l10n/translation";
import { patch } from "@web/core/utils/patch";

patch(Message.prototype, {
    setup() {
        super.setup(...arguments);
        /** Whether the bytes of the email that this message was sent as are there; only told to staff. */
        this.gateway_has_sent_content = undefined;
    },
});

registerMessageAction("spp-email-as-sent", {
    condition: ({ message }) => Boolean(message.gateway_has_sent_content),
    icon: "fa fa-download",
    name: _t("Email as Sent"),
    onSelected: ({ message, owner }) =>
        owner.env.services.action.doAction({
            type: "ir.actions.act_url",
            url: `/spp_email_gateway/sent/message/${message.id}`,
            target: "download",
        }),
    sequence: 91,
});
