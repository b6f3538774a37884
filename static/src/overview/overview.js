// Part of OpenSPP. See LICENSE file for full copyright and licensing details.

import { Component, onWillStart, onWillUnmount, useEffect, useRef, useState } from "@odoo/owl";
import { loadBundle } from "@web/core/assets";
import { cookie } from "@web/core/browser/cookie";
import { getCustomColor } from "@web/core/colors/colors";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

const SPANS = [7, 30, 90, 365];
const HOUR = 60;
const DAY = 24 * HOUR;

/**
 * The chart's own colours, told apart without red and green alone: lines differ in their dashes too.
 */
const RECEIVED = "#0180a5";
const SENT = "#017e84";
const LOST = "#d44c59";

export class Overview extends Component {
    static template = "spp_email_gateway.Overview";
    static components = { Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.spans = SPANS;
        this.display = { controlPanel: {} };
        this.state = useState({ days: 30, figures: null });
        this.chartRef = useRef("chart");
        this.chart = null;
        onWillStart(async () => {
            await Promise.all([this.load(), loadBundle("web.chartjs_lib")]);
        });
        useEffect(
            () => this.draw(),
            () => [this.state.figures]
        );
        onWillUnmount(() => this.chart?.destroy());
    }

    get figures() {
        return this.state.figures;
    }

    async load() {
        this.state.figures = await this.orm.call("spp.email.overview", "read_figures", [this.state.days]);
    }

    async choose(days) {
        this.state.days = days;
        await this.load();
    }

    spanLabel(days) {
        return days === 365 ? _t("1 year") : _t("%s days", days);
    }

    draw() {
        this.chart?.destroy();
        this.chart = null;
        const canvas = this.chartRef.el;
        if (!canvas) {
            return;
        }
        const words = getCustomColor(cookie.get("color_scheme"), "#374151", "#E4E4E4");
        const line = (label, data, color, dash = []) => ({
            label,
            data,
            borderColor: color,
            backgroundColor: color,
            borderDash: dash,
            borderWidth: 2,
            pointRadius: data.length > 60 ? 0 : 2,
            tension: 0.2,
        });
        this.chart = new Chart(canvas, {
            type: "line",
            data: {
                labels: this.figures.labels.map((day) => this.dayLabel(day)),
                datasets: [
                    line(_t("Received"), this.figures.received, RECEIVED),
                    line(_t("Sent"), this.figures.sent, SENT, [6, 3]),
                    line(_t("Not Delivered"), this.figures.lost, LOST, [2, 2]),
                ],
            },
            options: {
                animation: false,
                maintainAspectRatio: false,
                interaction: { mode: "index", intersect: false },
                plugins: { legend: { position: "bottom", labels: { color: words } } },
                scales: {
                    x: { ticks: { color: words, maxTicksLimit: 10 }, grid: { display: false } },
                    y: { beginAtZero: true, ticks: { color: words, precision: 0 } },
                },
            },
        });
    }

    dayLabel(day) {
        return luxon.DateTime.fromISO(day).toLocaleString({ day: "numeric", month: "short" });
    }

    /** @param {number} number */
    number(number, isMore = false) {
        return number.toLocaleString(luxon.Settings.defaultLocale || undefined) + (isMore ? "+" : "");
    }

    /** @param {number | false} share percent */
    share(share) {
        return share === false ? "–" : `${this.number(share)} %`;
    }

    /** @param {number | false} minutes */
    duration(minutes) {
        if (minutes === false) {
            return "–";
        }
        if (minutes < 1) {
            return _t("less than a minute");
        }
        if (minutes < 2 * HOUR) {
            return _t("%s min", Math.round(minutes));
        }
        return minutes < 2 * DAY ? _t("%s hours", Math.round(minutes / HOUR)) : _t("%s days", Math.round(minutes / DAY));
    }

    openLabel(title) {
        return _t("Open: %s", title);
    }

    // Whole sentences: languages put the parts of one in another order.

    checkedLabel(minutes) {
        return _t("Checked %s ago", this.duration(minutes));
    }

    agoLabel(minutes) {
        return _t("%s ago", this.duration(minutes));
    }

    oldestLabel(minutes) {
        return _t("The oldest since %s", this.duration(minutes));
    }

    moreLabel(count) {
        return _t("And %s more.", this.number(count));
    }

    receivedLabel(count) {
        return _t("%(count)s in %(time)s", { count: this.number(count), time: this.spanLabel(this.state.days) });
    }

    sentLabel(count) {
        return _t("%(count)s sent in %(time)s", { count: this.number(count), time: this.spanLabel(this.state.days) });
    }

    bouncedLabel(count) {
        return _t("Recipients: %s. Keep it below 5 %.", this.number(count));
    }

    complaintsLabel(count) {
        return _t("Recipients: %s. Keep it below 0.3 %.", this.number(count));
    }

    forecast(forecast) {
        if (!forecast.waiting) {
            return _t("Nothing waits.");
        }
        if (forecast.minutes === false) {
            return _t("%s wait. How long that takes is not measured yet.", this.number(forecast.waiting));
        }
        return _t(
            "%(waiting)s wait, %(pace)s are done in a minute: all in about %(time)s.",
            {
                waiting: this.number(forecast.waiting),
                pace: this.number(forecast.pace),
                time: this.duration(forecast.minutes),
            }
        );
    }

    width(part, whole) {
        return `width: ${whole ? (100 * part) / whole : 0}%`;
    }

    // Where a figure leads

    setUp() {
        return this.action.doAction(this.figures.setup_action);
    }

    open(name, filter = "") {
        return this.action.doAction(`spp_email_gateway.${name}`, {
            additionalContext: filter ? { [`search_default_${filter}`]: 1 } : {},
        });
    }

    async openFinding(finding) {
        if (finding.is_openable) {
            return this.action.doAction(await this.orm.call("spp.email.health", "action_open", [[finding.id]]));
        }
        return this.openRecord("spp.email.health", finding.id);
    }

    openRecord(model, id) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: model,
            res_id: id,
            views: [[false, "form"]],
        });
    }

    async checkNow() {
        const result = await this.orm.call("spp.email.health", "action_check", [[]]);
        if (result.tag === "display_notification") {
            await this.action.doAction(result);
        }
        await this.load();
    }
}

registry.category("actions").add("spp_email_gateway.overview", Overview);
