/* The Prometheus text of /metrics: {name: [{labels, value}]}, and what its histograms say. */

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

export function valueOf(figures, name, label = '', wanted = undefined) {
    return figures.get(name)?.find(({ labels }) => labels[label] === wanted)?.value ?? 0;
}

/* By the value of a label: [[upper bound, how many up to it], …]. */
export function histograms(figures, name, label = '') {
    const found = new Map();
    for (const { labels, value } of figures.get(`${name}_bucket`) ?? []) {
        const key = labels[label] ?? '';
        found.set(key, [...(found.get(key) ?? []), [Number(labels.le.replace('Inf', 'Infinity')), value]]);
    }
    return found;
}

export function between(later, earlier) {
    return later.map(([bound, upTo], i) => [bound, upTo - (earlier?.[i]?.[1] ?? 0)]);
}

export const totalOf = (histogram) => histogram?.at(-1)?.[1] ?? 0;

/* In seconds: {value, first, beyond}, where the outermost buckets say only a limit. */
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
