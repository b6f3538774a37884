// Part of OpenSPP. See LICENSE file for full copyright and licensing details.

import { Component, useState } from "@odoo/owl";
import { formatDateTime } from "@web/core/l10n/dates";
import { registry } from "@web/core/registry";
import { _t } from "@web/core/l10n/translation";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

/** Why a recipient was not reached, in words; code, server and answer when somebody wants to see them. */
export class ErrorDetailsField extends Component {
    static template = "spp_email_gateway.ErrorDetailsField";
    static props = { ...standardFieldProps };

    setup() {
        this.state = useState({ isOpen: false });
    }

    get data() {
        return this.props.record.data;
    }

    get details() {
        const { code, server_name, answer, attempt_date, tried_email } = this.data;
        return [
            [_t("Address"), tried_email],
            [_t("Code"), code],
            [_t("Server"), server_name],
            [_t("Answer"), answer],
            [_t("Last attempt"), attempt_date && formatDateTime(attempt_date)],
        ].filter(([, value]) => value);
    }

    toggle() {
        this.state.isOpen = !this.state.isOpen;
    }
}

registry.category("fields").add("spp_email_error_details", {
    component: ErrorDetailsField,
    supportedTypes: ["char"],
});
