/* Reads the Prometheus text of /metrics, as {name: [{labels, value}]}, and its histograms. */

export function parse(text) {
    const families = new Map();
    for (const line of text.split('\n')) {
        const [, name, inner, value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
        if (name !== undefined) {
            const labels = Object.fromEntries([...(inner ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map((match) => match.slice(1)));
            families.set(name, [...(families.get(name) ?? []), { labels, value: Number(value.replace('Inf', 'Infinity')) }]);
        }
    }
    return families;
}

export function valueOf(metrics, name, label = '', wanted = undefined) {
    return metrics.get(name)?.find(({ labels }) => labels[label] === wanted)?.value ?? 0;
}

/* A histogram for each value of a label: [[upper bound, count up to it], …]. */
export function histograms(metrics, name, label = '') {
    const found = new Map();
    for (const { labels, value } of metrics.get(`${name}_bucket`) ?? []) {
        const key = labels[label] ?? '';
        found.set(key, [...(found.get(key) ?? []), [Number(labels.le.replace('Inf', 'Infinity')), value]]);
    }
    return found;
}

export function between(later, earlier) {
    return later.map(([bound, upTo], i) => [bound, upTo - (earlier?.[i]?.[1] ?? 0)]);
}

export const totalOf = (histogram) => histogram?.at(-1)?.[1] ?? 0;

/* In seconds: {value, limit, first}, or {value, beyond}. In the first and the last bucket only a bound is known. */
export function quantile(histogram, q) {
    if (totalOf(histogram) === 0) {
        return null;
    }
    const rank = q * totalOf(histogram);
    const i = histogram.findIndex(([, upTo]) => upTo >= rank);
    const [low, before] = i > 0 ? histogram[i - 1] : [0, 0];
    const [high, upTo] = histogram[i];
    if (high === Infinity) {
        return { value: low, beyond: true };
    }
    return { value: low + (high - low) * (rank - before) / (upTo - before), limit: high, first: i === 0 };
}
