// Part of OpenSPP. See LICENSE file for full copyright and licensing details.

import { Component } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

/**
 * Takes out what would lead away from the page or fetch something. A sandboxed frame still follows its own links, and
 * so would tell the sender that the message was opened.
 *
 * @param {string} markup sanitised HTML
 * @returns {string} the same without addresses; where a link leads is said by its tooltip
 */
export function withoutAddresses(markup) {
    // A parsed document without a window runs nothing and fetches nothing.
    const { body } = new DOMParser().parseFromString(markup, "text/html");
    for (const link of body.querySelectorAll("[href]")) {
        link.title = link.getAttribute("href");
        link.removeAttribute("href");
    }
    for (const image of body.querySelectorAll("[src]")) {
        if (!image.getAttribute("src").startsWith("data:")) {
            image.replaceWith(image.getAttribute("alt") || "");
        }
    }
    return body.innerHTML;
}

/**
 * Shows a received message in a frame of its own origin, without scripts, forms, links or remote content. The markup
 * was sanitised on the server; the frame is the second lock, for what a sanitiser misses.
 */
export class PreviewField extends Component {
    static template = "spp_email_gateway.PreviewField";
    static props = { ...standardFieldProps };

    get source() {
        const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
        const body = withoutAddresses(String(this.props.record.data[this.props.name] || ""));
        return `<!DOCTYPE html><html><head><meta charset="utf-8"/>
            <meta http-equiv="Content-Security-Policy" content="${policy}"/>
            <style>
                body { font-family: sans-serif; overflow-wrap: anywhere; }
                pre { font-family: inherit; }
                a { text-decoration: underline; cursor: help; }
            </style></head><body>${body}</body></html>`;
    }
}

registry.category("fields").add("spp_email_preview", {
    component: PreviewField,
    supportedTypes: ["html"],
});
