/*
 * Charts in SVG: lines, or bars stacked by series. The legend shows the values at the cursor (pointer
 * or arrow keys); a table holds the same numbers. Colours are classes, so that the style sheet can
 * adapt them to light and dark.
 */

import { fill, html, rowsOf } from './page.js';

const HEIGHT = 210;
const MARGIN = { top: 8, right: 14, bottom: 24 };
const BAR_MAX = 36;
const POINTS_SHOWN_UP_TO = 40;

const svg = (name, attributes, ...children) =>
    fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);

const lookOf = ({ colour, dashed }) => `series-${colour}${dashed ? ' dashed' : ''}`;

export function ticks(low, high, most) {
    const rough = (high - low) / Math.max(1, most) || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((times) => times * power >= rough * 0.999);
    const first = Math.ceil(low / step - 1e-9);
    const count = Math.floor(high / step + 1e-9) - first + 1;
    return Array.from({ length: Math.max(0, count) }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/*
 * draw() takes {x, series: [{name, values, colour, dashed}], xText, xTick, xTicks, yText, yTicks, low, high,
 * span, breaks, rest, xName}: x and the values are numbers (or null); span is the width of a bar; a line
 * is cut before each index in breaks; the legend shows rest while there is no cursor.
 */
export class Chart {
    #host;
    #kind;
    #data = null;
    #cursor = null;
    #positions = [];
    #plot = html('div', { class: 'plot', role: 'slider', tabindex: 0, 'aria-orientation': 'horizontal' });
    #legend = html('dl', { class: 'legend' });
    #rows = html('table');
    #table = html('details', {}, html('summary', {}, 'As a table'));

    constructor(host, kind) {
        this.#host = host;
        this.#kind = kind;
        const heading = host.closest('section').getAttribute('aria-labelledby');
        this.#table.append(html('div', { class: 'scroll', role: 'group', tabindex: 0, 'aria-labelledby': heading }, this.#rows));
        this.#table.addEventListener('toggle', () => this.#fillTable());
        this.#plot.setAttribute('aria-labelledby', heading);
        const on = (type, act) => this.#plot.addEventListener(type, act);
        on('pointermove', (event) => this.#point(event));
        on('pointerdown', (event) => this.#point(event));
        on('pointerleave', () => document.activeElement === this.#plot || this.#move(null));
        on('blur', () => this.#move(null));
        on('focus', () => this.#move(this.#cursor ?? this.#last()));
        on('keydown', (event) => this.#key(event));
        new ResizeObserver(() => this.#render()).observe(host);
    }

    /* Shows a text instead of the chart. */
    say(text) {
        this.#data = null;
        this.#host.replaceChildren(html('p', { class: 'empty' }, text));
    }

    draw(data) {
        if (this.#data === null) {
            this.#host.replaceChildren(this.#plot, this.#legend, this.#table);
        }
        this.#data = data;
        this.#cursor = this.#cursor === null ? null : Math.min(this.#cursor, this.#last());
        this.#render();
        this.#fillTable();
    }

    #last() {
        return this.#data.x.length - 1;
    }

    #range() {
        const { series, x, span = 0, low, high } = this.#data;
        const stacked = (i) => series.reduce((sum, each) => sum + (each.values[i] ?? 0), 0);
        const values = this.#kind === 'bars' ? [0, ...x.map((_, i) => stacked(i))]
            : series.flatMap((each) => each.values).filter((value) => value !== null);
        const bottom = low ?? Math.min(...values);
        const top = high ?? Math.max(...values);
        const slack = top > bottom ? 0 : Math.abs(top) * 0.1 || 1;
        const wide = x.at(-1) + span > x[0] ? 0 : 1;
        return [low ?? bottom - slack, high ?? top + slack, x[0] - wide, x.at(-1) + span + wide];
    }

    #render() {
        if (this.#data === null || this.#host.clientWidth === 0) {
            return;
        }
        const { x, xTick, xTicks = ticks, yText, yTicks = ticks, span = 0 } = this.#data;
        const [bottom, top, left, right] = this.#range();
        const steps = yTicks(bottom, top, 5);
        const margin = 12 + 7.2 * Math.max(...steps.map((step) => yText(step).length));
        const width = Math.max(220, this.#host.clientWidth);
        const scaleX = (value) => margin + (value - left) / (right - left) * (width - margin - MARGIN.right);
        const scaleY = (value) => HEIGHT - MARGIN.bottom - (value - bottom) / (top - bottom) * (HEIGHT - MARGIN.top - MARGIN.bottom);
        const grid = steps.flatMap((step) => [
            svg('line', { class: 'rule', x1: margin, x2: width - MARGIN.right, y1: scaleY(step), y2: scaleY(step) }),
            svg('text', { class: 'left', x: margin - 7, y: scaleY(step) + 4 }, yText(step))]);
        const axis = xTicks(left, right, Math.floor((width - margin) / 85)).map((step) =>
            svg('text', { x: Math.min(scaleX(step), width - 3.4 * xTick(step).length), y: HEIGHT - 5 }, xTick(step)));
        const marks = this.#kind === 'bars' ? this.#bars(scaleX, scaleY) : this.#lines(scaleX, scaleY);
        this.#positions = x.map((value) => scaleX(value + span / 2));
        const guide = this.#positions.filter((_, i) => i === this.#cursor).map((at) =>
            svg('line', { class: 'guide', x1: at, x2: at, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }));
        this.#plot.replaceChildren(svg('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, 'aria-hidden': true },
            ...grid, ...axis, ...guide, ...marks));
        this.#showLegend();
    }

    #bars(scaleX, scaleY) {
        const { x, series, span } = this.#data;
        const room = scaleX(x[0] + span) - scaleX(x[0]);
        const width = Math.min(room > 5 ? room * 0.8 : room, BAR_MAX);
        const base = x.map(() => 0);
        return series.flatMap((each) => x.map((value, i) => {
            const from = scaleY(base[i]);
            const to = scaleY(base[i] += each.values[i] ?? 0);
            const left = scaleX(value) + (room - width) / 2;
            return svg('rect', { class: `bar-part series-${each.colour}`, x: left, y: to, width, height: Math.max(0, from - to) });
        }));
    }

    #lines(scaleX, scaleY) {
        const { x, series, breaks = new Set() } = this.#data;
        return series.flatMap((each) => {
            const joined = (i) => i > 0 && each.values[i - 1] !== null && !breaks.has(i);
            const shown = x.map((_, i) => i).filter((i) => each.values[i] !== null);
            const path = shown.map((i) => `${joined(i) ? 'L' : 'M'}${scaleX(x[i]).toFixed(1)} ${scaleY(each.values[i]).toFixed(1)}`);
            const alone = (i) => !joined(i) && (i + 1 >= x.length || each.values[i + 1] === null || breaks.has(i + 1));
            const points = shown.filter((i) => x.length <= POINTS_SHOWN_UP_TO || alone(i) || i === this.#cursor);
            return [svg('path', { class: `line ${lookOf(each)}`, d: path.join('') }), ...points.map((i) => svg('circle',
                { class: `point ${lookOf(each)}`, cx: scaleX(x[i]), cy: scaleY(each.values[i]), r: i === this.#cursor ? 4.5 : 2.5 }))];
        });
    }

    #showLegend() {
        const { x, series, xText, rest } = this.#data;
        const at = this.#cursor;
        const values = at === null ? rest.values : series.map((each) => each.values[at]);
        const total = this.#kind === 'bars' && series.length > 1 ? this.#text(values.reduce((sum, value) => sum + value, 0)) : '';
        const title = at === null ? rest.title : xText(x[at]);
        this.#legend.replaceChildren(html('div', { class: 'at' }, html('dt', {}, title), html('dd', {}, total)),
            ...series.map((each, i) => html('div', {}, html('dt', { class: `key ${lookOf(each)}` }, html('bdi', {}, each.name)),
                html('dd', {}, this.#text(values[i])))));
        fill(this.#plot, { 'aria-valuemin': 0, 'aria-valuemax': this.#last(), 'aria-valuenow': at ?? this.#last(),
            'aria-valuetext': [`${title} ${total}`, ...series.map((each, i) => `${each.name} ${this.#text(values[i])}`)].join(', ') }, []);
    }

    #fillTable() {
        if (!this.#table.open) {
            return;
        }
        const { x, xName, xText, series } = this.#data;
        const names = [xName, ...series.map((each) => each.name)].map((name) => html('th', { scope: 'col' }, name));
        const rows = x.map((value, i) => [xText(value), ...series.map((each) => this.#text(each.values[i]))]);
        this.#rows.replaceChildren(html('thead', {}, html('tr', {}, ...names)), html('tbody', {}, ...rowsOf(rows)));
    }

    #text(value) {
        return value === null ? '–' : this.#data.yText(value);
    }

    #move(index) {
        this.#cursor = index === null ? null : Math.max(0, Math.min(this.#last(), index));
        this.#render();
    }

    #point(event) {
        const at = event.clientX - this.#plot.getBoundingClientRect().left;
        const distances = this.#positions.map((position) => Math.abs(position - at));
        this.#move(distances.indexOf(Math.min(...distances)));
    }

    #key(event) {
        const [back, on] = [-1, 1].map((step) => step + (this.#cursor ?? this.#last()));
        const moves = { ArrowLeft: back, ArrowDown: back, ArrowRight: on, ArrowUp: on, Home: 0, End: this.#last(), Escape: null };
        if (event.key in moves) {
            event.preventDefault();
            this.#move(moves[event.key]);
        }
    }
}
