"""The learner of a linear model as the documents have it, in NumPy and float64; it shares nothing
with src/fisher."""

import itertools

import numpy as np

LENGTH_GUESS, STYLE_GUESS, SCORE_GUESS, SIDE_GUESS = 4.0, 160.0, 64.0, 4.0
TRUSTED_MEAN, LENGTH_MEAN = 0.3, 0.25
STIFFNESS = 2.0   # guess of the embedded block, by the mean square of the items of the answers
TEXT_COLUMNS = 10


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Inputs:
    """Standardised embeddings, and their leading principal components."""

    def __init__(self, embeddings, components):
        x = np.asarray(embeddings, float)
        self.mean, deviation = x.mean(0), x.std(0)
        varies = deviation > np.maximum(1e-6 * abs(self.mean), 1e-9)
        self.scale = np.where(varies, 1 / np.where(varies, deviation, 1), 0)
        z = (x - self.mean) * self.scale
        values, vectors = np.linalg.eigh(z.T @ z / len(z))
        order = np.argsort(-values)[:components]
        values, vectors = values[order], vectors[:, order]
        counts = values > 1.2e-7 * x.shape[1]
        self.projection = vectors * np.where(
            counts, np.sqrt(len(order) / values[counts].sum()), 0)

    def __call__(self, embeddings):
        return (np.asarray(embeddings, float) - self.mean) * self.scale @ self.projection


class Extras:
    """Raw extras [items x columns], NaN where missing, placed within their prompts."""

    def __init__(self, raw, prompts, empty):
        counts = ~np.isnan(raw) & ~empty[:, None]
        kept = np.where(counts, raw, np.nan)
        self.mean = np.nanmean(kept, 0)
        deviation = np.sqrt(np.nanmean((kept - self.mean) ** 2, 0))
        varies = deviation > np.maximum(1e-6 * abs(self.mean), 1e-9)
        self.scale = np.where(varies, 1 / np.where(varies, deviation, 1), 0)
        z = np.where(counts, self.standardised(raw), np.nan)
        self.centres = {}
        squares, freedom = np.zeros(raw.shape[1]), np.zeros(raw.shape[1])
        for prompt in sorted(set(prompts)):
            rows = z[prompts == prompt]
            n = (~np.isnan(rows)).sum(0)
            centre = np.nansum(rows, 0) / np.maximum(n, 1)
            squares += np.where(n > 1, np.nansum((rows - centre) ** 2, 0), 0)
            freedom += np.where(n > 1, n - 1, 0)
            self.centres[prompt] = np.where(n > 1, centre, 0)
        within = np.sqrt(squares / np.maximum(freedom, 1))
        self.within = np.where(within > 1e-9, 1 / np.where(within > 1e-9, within, 1), 0)

    def standardised(self, raw):
        return np.clip((raw - self.mean) * self.scale, -3.5, 3.5)

    def __call__(self, raw, prompts):
        nothing = np.zeros(raw.shape[1])
        centres = np.array([self.centres.get(prompt, nothing) for prompt in prompts])
        return np.nan_to_num((self.standardised(raw) - centres) * self.within, nan=0.0)


class Answers:
    """Pairs of rows, targets, the side of the first one (1: left, 0: not known), and clusters."""

    def __init__(self, pairs, targets, sides, prompts):
        self.pairs = np.array(pairs, int).reshape(-1, 2)
        self.targets, self.sides = np.array(targets, float), np.array(sides, float)
        self.clusters = [prompts[a] if prompts[a] == prompts[b] else (min(a, b), max(a, b))
                         for a, b in self.pairs.tolist()]


def extra_blocks(columns, scores, trusts, better_length="unknown"):
    """(columns, guess, mean, averaged) of the text's columns, if any, and of each score."""
    length_means = {"longer": LENGTH_MEAN, "shorter": -LENGTH_MEAN, "unknown": 0}
    blocks = [(1, LENGTH_GUESS, length_means[better_length], True), (TEXT_COLUMNS - 1, STYLE_GUESS, 0, True)]
    blocks = blocks if columns > len(scores) else []
    means = {"trusted": TRUSTED_MEAN, "inverted": -TRUSTED_MEAN}
    return blocks + [(1, SCORE_GUESS, means.get(trusts.get(name), 0), False) for name in scores]


class LastLayer:
    """The last layer for features [items x (h + extras)]."""

    def __init__(self, features, h, blocks, answers):
        used = features[answers.pairs.ravel(), :h] if len(answers.pairs) else features[:, :h]
        guess = STIFFNESS * np.mean(np.sum(used**2, 1))
        self.blocks = [(h, guess, 0, False), *blocks]
        self.width = features.shape[1]
        self.d = features[answers.pairs[:, 0]] - features[answers.pairs[:, 1]]
        self.targets = answers.targets
        if answers.sides.any():
            self.blocks.append((1, SIDE_GUESS, 0, False))
            self.d = np.hstack([self.d, answers.sides[:, None]])
        self.guesses = np.array([guess for _, guess, _, _ in self.blocks])
        self.mean = self.spread([mean for _, _, mean, _ in self.blocks])
        self.precisions = self.guesses.copy()
        self.effect = self.design_effect(answers) if len(answers.pairs) else 1.0
        beta, sigma = self.evidence()
        self.average(beta, sigma)

    def spread(self, values):
        return np.concatenate([np.full(block[0], float(value))
                               for block, value in zip(self.blocks, values)])

    def mode(self, precision, share):
        """The most probable coefficients, the information of the answers, and the Hessian."""
        def objective(b):
            z = self.d @ b
            return (share * np.sum(np.logaddexp(0, z) - self.targets * z)
                    + np.sum(precision * (b - self.mean) ** 2) / 2)

        beta = self.mean.copy()
        for _ in range(100):
            p = sigmoid(self.d @ beta)
            gradient = (share * self.d.T @ (p - self.targets) + precision * (beta - self.mean))
            information = share * self.d.T @ (self.d * (p * (1 - p))[:, None])
            step = np.linalg.solve(information + np.diag(precision), gradient)
            scale = 1.0
            while scale > 1e-9 and objective(beta - scale * step) > objective(beta):
                scale /= 2
            beta = beta - scale * step
            if abs(scale * step).max() < 1e-13:
                break
        p = sigmoid(self.d @ beta)
        information = share * self.d.T @ (self.d * (p * (1 - p))[:, None])
        return beta, information, information + np.diag(precision)

    def design_effect(self, answers):
        stiff = self.spread(self.guesses * ([8] + [1] * (len(self.blocks) - 1)))
        beta, _, hessian = self.mode(stiff, 1.0)
        errors = self.targets - sigmoid(self.d @ beta)
        u = np.linalg.solve(np.linalg.cholesky(hessian), (self.d * errors[:, None]).T).T
        def spread(keys):
            sums = {}
            for key, row in zip(keys, u):
                sums[key] = sums.get(key, 0) + row
            share = sum(np.sum(row**2) for row in sums.values()) / np.sum(u**2)
            return min(max(share, 1), 10)

        effect = of_pairs = spread([tuple(sorted(pair)) for pair in answers.pairs.tolist()])
        if len(set(answers.clusters)) >= 5:
            effect = max(of_pairs, (of_pairs * spread(answers.clusters)) ** 0.5)
        arrived = min(max((len(errors) - 10) / 20, 0), 1)
        return 1 + arrived * (effect - 1)

    def evidence(self):
        for _ in range(3000):
            beta, information, hessian = self.mode(self.spread(self.precisions), 1 / self.effect)
            sigma = np.linalg.inv(hessian)
            if not len(self.targets):
                break
            determined, first, after = np.einsum("ij,ji->i", sigma, information), 0, []
            for (count, guess, _, _) in self.blocks:
                j = slice(first, first + count)
                after.append((determined[j].sum() + 2)
                             / (np.sum((beta - self.mean)[j] ** 2) + 2 / guess))
                first += count
            settled = abs(np.array(after) / self.precisions - 1).max() < 1e-12
            if settled:
                break
            self.precisions = np.array(after)
        return beta, sigma

    def average(self, beta, sigma):
        precision, ends = self.spread(self.precisions), np.cumsum([b[0] for b in self.blocks])
        averaged = [g for g, block in enumerate(self.blocks) if block[3]]
        logs, betas, sigmas = [], [], []
        for left_out in itertools.chain(*(itertools.combinations(averaged, n)
                                          for n in range(len(averaged) + 1))):
            r = np.array([j for g in left_out
                          for j in range(ends[g] - self.blocks[g][0], ends[g])], int)
            to_r = np.linalg.solve(sigma[np.ix_(r, r)], sigma[r]) if len(r) else sigma[r]
            logs.append((-beta[r] @ np.linalg.solve(sigma[np.ix_(r, r)], beta[r])
                         - np.linalg.slogdet(sigma[np.ix_(r, r)])[1] - np.log(precision[r]).sum()
                         + np.sum(precision[r] * self.mean[r] ** 2)) / 2 if len(r) else 0.0)
            betas.append(beta - to_r.T @ beta[r])
            sigmas.append(sigma - sigma[:, r] @ to_r)
        weights = np.exp(np.array(logs) - max(logs))
        weights /= weights.sum()
        self.beta = sum(w * b for w, b in zip(weights, betas))[:self.width]
        apart = [b[:self.width] - self.beta for b in betas]
        self.covariance = sum(w * (s[:self.width, :self.width] + np.outer(b, b))
                              for w, s, b in zip(weights, sigmas, apart))
