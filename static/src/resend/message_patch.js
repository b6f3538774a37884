// Part of OpenSPP. See LICENSE file for full copyright and licensing details.

import { Message } from "@mail/core/common/message";
import { markEventHandled } from "@web/core/utils/misc";
import { patch } from "@web/core/utils/patch";

patch(Message.prototype, {
    /** A red envelope asks what is to be done. Who may only look at the record gets Odoo's own list. */
    async onClickNotification(ev) {
        const message = this.props.message;
        const failed = message.failureNotifications.some((one) => one.notification_type === "email");
        if (!failed || !message.thread?.hasWriteAccess) {
            return super.onClickNotification(...arguments);
        }
        markEventHandled(ev, "Message.ClickFailure");
        const services = this.env.services;
        const action = await services.orm.call("mail.message", "action_gateway_resend", [[message.id]]);
        if (!action) {
            return super.onClickNotification(...arguments);
        }
        return services.action.doAction(action);
    },
});
