// Part of OpenSPP. See LICENSE file for full copyright and licensing details.

import { Component } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { _t } from "@web/core/l10n/translation";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

/** An address that did not work, always open to be corrected, and what the correction will change. */
export class CorrectedAddressField extends Component {
    static template = "spp_email_gateway.CorrectedAddressField";
    static props = { ...standardFieldProps };

    get data() {
        return this.props.record.data;
    }

    get effect() {
        const email = (this.data[this.props.name] || "").trim().toLowerCase();
        if (!email || email === (this.data.tried_email || "").trim().toLowerCase()) {
            return "";
        }
        return this.data.is_contact_writable ? _t("The contact is corrected too.") : _t("For this email only.");
    }

    onChange(ev) {
        return this.props.record.update({ [this.props.name]: ev.target.value.trim() });
    }
}

registry.category("fields").add("spp_email_corrected_address", {
    component: CorrectedAddressField,
    supportedTypes: ["char"],
});
