// Part of OpenSPP. See LICENSE file for full copyright and licensing details.

import { Component } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

/**
 * Shows a received message in a frame of its own origin, without scripts, forms or remote content. The markup was
 * sanitised on the server; the frame is the second lock, for what a sanitiser misses.
 */
export class PreviewField extends Component {
    static template = "spp_email_gateway.PreviewField";
    static props = { ...standardFieldProps };

    get source() {
        const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
        const body = this.props.record.data[this.props.name] || "";
        return `<!DOCTYPE html><html><head><meta charset="utf-8"/>
            <meta http-equiv="Content-Security-Policy" content="${policy}"/>
            <style>body { font-family: sans-serif; overflow-wrap: anywhere; }</style></head><body>${body}</body></html>`;
    }
}

registry.category("fields").add("spp_email_preview", {
    component: PreviewField,
    supportedTypes: ["html"],
});
