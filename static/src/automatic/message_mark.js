// Part of OpenSPP. See LICENSE file for full copyright and licensing details.

import { Message } from "@mail/core/common/message_model";
import { patch } from "@web/core/utils/patch";

patch(Message.prototype, {
    setup() {
        super.setup(...arguments);
        /** It is an automatic reply that was attached quietly: nobody was told of it. */
        this.gateway_is_automatic = undefined;
    },
    /** Shown like a note: it is none of the conversation. */
    get isNote() {
        return super.isNote || Boolean(this.gateway_is_automatic);
    },
});
