// Part of OpenSPP. See LICENSE file for full copyright and licensing details.

import { Component } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

// What a message is shown with: text, tables, and pictures that it brings itself. All else is unknown to this list, and
// so is what the next browser invents.
const ELEMENTS = new Set(
    (
        "a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del div dl " +
        "dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q s " +
        "samp section small span strike strong sub sup table tbody td tfoot th thead time tr tt u ul var wbr"
    ).split(" ")
);
const ATTRIBUTES = new Set("align alt colspan dir height lang rowspan title valign width".split(" "));
// What is inside these is no text for people.
const KILLED = new Set("script style title head noscript template object svg math iframe".split(" "));
// Pictures only: an SVG is a document.
const PICTURE = /^data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*$/i;
// A message nested deeper than this is an attack on the browser.
const DEEPEST = 200;

/**
 * Copies what is known to be harmless into an empty element. Nothing is taken over that leads away, fetches or runs; a
 * sandboxed frame still follows its own links, and so would tell the sender that the message was opened.
 *
 * @param {Node} from of a parsed document without a window, which runs nothing and fetches nothing
 * @param {Element} to
 * @param {number} depth
 */
function copy(from, to, depth) {
    for (const node of from.childNodes) {
        if (node.nodeType === Node.TEXT_NODE) {
            to.append(node.data);
            continue;
        }
        const name = node.localName;
        if (node.nodeType !== Node.ELEMENT_NODE || KILLED.has(name) || depth > DEEPEST) {
            continue;
        }
        if (!ELEMENTS.has(name)) {
            copy(node, to, depth + 1);
            continue;
        }
        const source = node.getAttribute("src") || "";
        if (name === "img" && !PICTURE.test(source)) {
            to.append(node.getAttribute("alt") || "");
            continue;
        }
        const kept = to.ownerDocument.createElement(name);
        for (const attribute of node.attributes) {
            if (ATTRIBUTES.has(attribute.name)) {
                kept.setAttribute(attribute.name, attribute.value);
            }
        }
        if (name === "img") {
            kept.setAttribute("src", source);
        } else if (node.hasAttribute("href")) {
            // Where a link leads is said, and it leads nowhere. The server wrote it beside the words as well.
            kept.setAttribute("title", node.getAttribute("href"));
        }
        copy(node, kept, depth + 1);
        to.append(kept);
    }
}

/**
 * @param {string} markup sanitised HTML
 * @returns {string} the same with nothing that acts
 */
export function harmless(markup) {
    const { body } = new DOMParser().parseFromString(markup, "text/html");
    const clean = document.implementation.createHTMLDocument("").body;
    copy(body, clean, 0);
    return clean.innerHTML;
}

/**
 * Shows a received message in a frame of its own origin, without scripts, forms, links or remote content. The markup
 * was sanitised on the server; the frame is the second lock, for what a sanitiser misses.
 */
export class PreviewField extends Component {
    static template = "spp_email_gateway.PreviewField";
    static props = { ...standardFieldProps };

    get source() {
        const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'";
        const body = harmless(String(this.props.record.data[this.props.name] || ""));
        return `<!DOCTYPE html><html><head><meta charset="utf-8"/>
            <meta http-equiv="Content-Security-Policy" content="${policy}"/>
            <style>
                body { font-family: sans-serif; overflow-wrap: anywhere; }
                pre { font-family: inherit; white-space: pre-wrap; unicode-bidi: plaintext; }
                a { text-decoration: underline; cursor: help; }
                code { color: #5f5e5a; user-select: all; }
            </style></head><body dir="auto">${body}</body></html>`;
    }
}

registry.category("fields").add("spp_email_preview", {
    component: PreviewField,
    supportedTypes: ["html"],
});
