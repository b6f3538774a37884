// Part of OpenSPP. See LICENSE file for full copyright and licensing details.

import { registerMessageAction } from "@mail/core/common/message_actions";
import { Message } from "@mail/core/common/message_model";
import { _t } from "@web/core/l10n/translation";
import { patch } from "@web/core/utils/patch";

patch(Message.prototype, {
    setup() {
        super.setup(...arguments);
        /** Journal entry of the email that this message was; only told to those who may open it. */
        this.gateway_inbound_id = undefined;
    },
});

registerMessageAction("spp-original-email", {
    condition: ({ message }) => Boolean(message.gateway_inbound_id),
    icon: "fa fa-envelope-open-o",
    name: _t("Original Email"),
    onSelected: ({ message, owner }) =>
        owner.env.services.action.doAction({
            type: "ir.actions.act_window",
            res_model: "spp.email.inbound",
            res_id: message.gateway_inbound_id,
            views: [[false, "form"]],
        }),
    sequence: 90,
});
