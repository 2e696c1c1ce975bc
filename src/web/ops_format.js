/* Times, numbers and axes in the words of the operators' page. */

import { ticks } from './charts.js';
import { quantile } from './prometheus.js';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const numbers = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export const formats = {
    second: new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' }),
    minute: new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' }),
    day: new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric' }),
};

export const count = (value) => numbers.format(value);
export const counted = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;
/* Names come from people: one may be `constructor`. */
export const ownCount = (counts, name) => (Object.hasOwn(counts, name) ? counts[name] : 0);
export const percent = (share) => (share === null ? '–' : `${Number((share * 100).toFixed(1))}%`);
/* A reward, or a difference of rewards. */
export const signed = (value) => (value === null ? '–' : `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`);
/* A log loss in nats, and how far one is from another. */
export const loss = (value) => value.toFixed(3);
export const lossApart = (value) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`;
export const clock = (time) => formats.second.format(time);
/* Enough digits to tell ticks apart, without rounding noise. */
export const plain = (value) => String(Number(value.toPrecision(4))).replace('-', '−');

export function duration(ms) {
    if (ms === null || ms < 0) {
        return '–';
    }
    const [size, unit] = [[SECOND, 'ms'], [MINUTE, 's'], [HOUR, 'min'], [2 * DAY, 'h'], [Infinity, 'days']].find(([limit]) => ms < limit);
    const value = ms / { ms: 1, s: SECOND, min: MINUTE, h: HOUR, days: DAY }[unit];
    return `${value < 10 && size <= MINUTE ? Number(value.toPrecision(2)) : Math.round(value)} ${unit}`;
}

const JUST_NOW_MS = 10 * SECOND;
export const ago = (ms) => (ms < JUST_NOW_MS ? 'just now' : `${duration(ms)} ago`);

export function quantileText(histogram, q) {
    const found = quantile(histogram, q);
    if (found === null) {
        return '–';
    }
    const text = duration((found.first ? found.limit : found.value) * SECOND);
    return found.first ? `< ${text}` : found.beyond ? `> ${text}` : text;
}

/* ---- axes ---- */

const TIME_STEPS = [0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((minutes) => minutes * MINUTE);

export function timeTicks(low, high, most) {
    const step = TIME_STEPS.find((each) => (high - low) / each <= most) ?? TIME_STEPS.at(-1);
    const zone = new Date(high).getTimezoneOffset() * MINUTE;
    const first = Math.ceil((low - zone) / step) * step + zone;
    return Array.from({ length: Math.max(0, Math.floor((high - first) / step) + 1) }, (_, i) => first + i * step);
}

/* The label of a tick; on an axis of days, midnight is labelled with the day. */
export const tickTime = (rangeMs) => (time) => {
    const date = new Date(time);
    if (rangeMs >= DAY && date.getHours() === 0 && date.getMinutes() === 0) {
        return formats.day.format(time);
    }
    return (date.getSeconds() === 0 ? formats.minute : formats.second).format(time);
};

export const wholeTicks = (low, high, most) => ticks(low, high, most).filter(Number.isInteger);
