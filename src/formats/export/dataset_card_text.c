/* Writes the dataset card: figures in tables, and what they mean. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataset_card.h"

/* The text before it goes to the sink. */
struct text {
    FILE *file;
    char *bytes;
    size_t size;
};

static void text_clear(struct text *text) {
    if (text->file)
        (void)fclose(text->file);
    free(text->bytes);
}

/* ---- pieces ---- */

static void put_time(FILE *to, int64_t milliseconds) {
    char day[32] = "";
    time_t seconds = (time_t)(milliseconds / 1000);
    struct tm parts;
    if (gmtime_r(&seconds, &parts))
        (void)strftime(day, sizeof(day), "%Y-%m-%d", &parts);
    (void)fputs(day, to);
}

/* Names are of people and programs: nothing in them is Markdown. */
static void put_name(FILE *to, const char *name) {
    for (const unsigned char *at = (const unsigned char *)name; *at; at++) {
        if (strchr("\\`*_{}[]<>()#+-.!|&~$", *at))
            (void)fputc('\\', to);
        (void)fputc(*at < 32 || *at == 127 ? ' ' : *at, to);
    }
}

static void put_row(FILE *to, const char *name, uint64_t number) {
    (void)fprintf(to, "| %s | %llu |\n", name, (unsigned long long)number);
}

static double share(uint64_t part, uint64_t whole) {
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static uint64_t counting(const fd_dataset_card *card) {
    return card->by_preference[FD_PREFER_A] + card->by_preference[FD_PREFER_B] +
           card->by_preference[FD_PREFER_TIE];
}

static const char *size_category(uint64_t labels) {
    return labels < 1000      ? "n<1K"
           : labels < 10000   ? "1K<n<10K"
           : labels < 100000  ? "10K<n<100K"
           : labels < 1000000 ? "100K<n<1M"
                              : "1M<n<10M";
}

/* ---- sections ---- */

static void put_head(FILE *to, const fd_dataset_card *card,
                     const fd_card_surroundings *surroundings) {
    const fd_export_settings *settings = surroundings->settings;
    (void)fprintf(to,
                  "---\ntags:\n- preference\n- reward-model\n- fisherd\nsize_categories:\n- %s\n"
                  "---\n\n# Preferences between pairs of responses\n\n"
                  "People were shown two responses and said which is better. The labels were "
                  "collected and exported with fisherd %s",
                  size_category(counting(card)), surroundings->version);
    if (card->last_ms > 0) {
        (void)fputs(", from ", to);
        put_time(to, card->first_ms);
        (void)fputs(" to ", to);
        put_time(to, card->last_ms);
    }
    (void)fputs(".\n", to);
    if (settings->annotator || settings->arm || settings->since_ms > 0)
        (void)fputs("\nThis is a part of the labels:", to);
    if (settings->annotator)
        (void)fputs(" of one annotator;", to);
    if (settings->arm)
        (void)fprintf(to, " of the arm `%s`;", settings->arm);
    if (settings->since_ms > 0) {
        (void)fputs(" since ", to);
        put_time(to, settings->since_ms);
        (void)fputc(';', to);
    }
    if (settings->annotator || settings->arm || settings->since_ms > 0)
        (void)fputs(" all figures are of these.\n", to);
}

static int by_size(const void *a, const void *b) {
    int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;
    return (first > second) - (first < second);
}

static void put_counts(FILE *to, fd_dataset_card *card) {
    fd_card_sizes sizes = fd_dataset_card_sizes(card);
    (void)fputs("\n## Counts\n\n| | |\n|---|---|\n", to);
    put_row(to, "labels that count", counting(card));
    put_row(to, "of these `a` is better", card->by_preference[FD_PREFER_A]);
    put_row(to, "of these `b` is better", card->by_preference[FD_PREFER_B]);
    put_row(to, "of these ties", card->by_preference[FD_PREFER_TIE]);
    put_row(to, "of these corrected since", card->corrected);
    put_row(to, "skipped, which do not count", card->by_preference[FD_PREFER_SKIP]);
    put_row(to, "retracted, which do not count", card->by_preference[FD_PREFER_RETRACTED]);
    put_row(to, "pairs", sizes.pairs);
    put_row(to, "responses in them", sizes.items);
    put_row(to, "prompts", sizes.prompts);
    put_row(to, "annotators", sizes.annotators);
    if (card->n_durations > 0) {
        qsort(card->durations, card->n_durations, sizeof(*card->durations), by_size);
        int64_t median = card->durations[card->n_durations / 2];
        (void)fprintf(to, "| median seconds of an answer | %.1f |\n", (double)median / 1e3);
    }
}

static int put_annotators(FILE *to, const fd_dataset_card *card) {
    FD_FREE fd_card_annotator *list = NULL;
    size_t n = 0;
    int r = fd_dataset_card_annotators(card, &list, &n);
    (void)fputs("\n## Annotators\n\n| annotator | labels |\n|---|---|\n", to);
    for (size_t i = 0; i < n; i++) {
        (void)fputs("| ", to);
        put_name(to, list[i].name);
        (void)fprintf(to, " | %llu |\n", (unsigned long long)list[i].labels);
    }
    return r;
}

static void put_agreement(FILE *to, const fd_dataset_card *card) {
    fd_card_agreement agreement = fd_dataset_card_agreement(card);
    (void)fputs("\n## Agreement\n\n", to);
    if (agreement.pairs == 0) {
        (void)fputs("Each pair was answered once, so nothing tells how far people agree.\n", to);
        return;
    }
    (void)fprintf(
        to,
        "%llu pairs were answered more than once. Of %llu couples of answers to one pair, "
        "%.1f %% agree",
        (unsigned long long)agreement.pairs, (unsigned long long)agreement.couples,
        share(agreement.agreeing, agreement.couples));
    if (isfinite(agreement.alpha))
        (void)fprintf(to, "; Krippendorff's alpha over `a`, `b` and ties is %.3f", agreement.alpha);
    (void)fputs(". Pairs are asked again where that is configured, not at random.\n", to);
}

static void put_choice(FILE *to, const fd_dataset_card *card) {
    static const char *const names[FD_CARD_ARMS] = {"active: chosen by a strategy",
                                                    "control: drawn at random", "not known"};
    (void)fputs(
        "\n## How the pairs were chosen\n\n| arm | labels | agree with the model of the time "
        "|\n|---|---|---|\n",
        to);
    for (size_t i = 0; i < FD_CARD_ARMS; i++) {
        const fd_card_arm *arm = &card->arms[i];
        (void)fprintf(to, "| %s | %llu | ", names[i], (unsigned long long)arm->labels);
        if (arm->asked > 0)
            (void)fprintf(to, "%.1f %% of %llu |\n", share(arm->agreeing, arm->asked),
                          (unsigned long long)arm->asked);
        else
            (void)fputs("|\n", to);
    }
    if (card->n_strategies > 0) {
        (void)fputs("\n| strategy | labels |\n|---|---|\n", to);
        for (size_t i = 0; i < card->n_strategies; i++)
            (void)fprintf(to, "| `%s` | %llu |\n", card->strategies[i].name,
                          (unsigned long long)card->strategies[i].labels);
    }
    if (card->last_version >= 0)
        (void)fprintf(to, "\nVersions %lld to %lld of the reward model chose them.\n",
                      (long long)card->first_version, (long long)card->last_version);
    if (card->sided > 0)
        (void)fprintf(to,
                      "\nThe sides were drawn at random. The response on the left won %.1f %% of "
                      "%llu decided labels.\n",
                      share(card->left, card->sided), (unsigned long long)card->sided);
}

static void put_model(FILE *to, const fd_card_surroundings *surroundings) {
    const fd_model_row *model = &surroundings->model;
    if (surroundings->has_model) {
        (void)fprintf(to,
                      "\n## The model beside the labels\n\nVersion %llu of the reward model was "
                      "trained on %llu labels.",
                      (unsigned long long)model->version, (unsigned long long)model->labels);
        if (isfinite(model->held_out_accuracy))
            (void)fprintf(to, " On labels that it had not seen its accuracy is %.1f %%.",
                          100 * model->held_out_accuracy);
        (void)fputc('\n', to);
    }
    if (surroundings->embedder) {
        (void)fputs("\nThe embeddings are of ", to);
        put_name(to, surroundings->embedder);
        (void)fprintf(to, ", with %zu numbers.\n", surroundings->dimension);
    }
}

static void put_biases(FILE *to, const fd_dataset_card *card) {
    const fd_card_arm *active = &card->arms[0], *control = &card->arms[1];
    (void)fputs("\n## Known biases, and how to weigh\n\n", to);
    if (active->labels > 0)
        (void)fputs(
            "- **Chosen pairs are not typical.** The strategy takes pairs whose answer tells the "
            "model most: often close ones, and some responses more than others. Agreement and "
            "accuracy on them are lower than on all pairs, and counts say little about how often "
            "one response wins.\n"
            "- **For training they need no weights** where the model knows what they were chosen "
            "by: which pairs are asked depends on the texts and on earlier answers, and not on the "
            "answer to come.\n"
            "- **Inverse propensities are not known for them.** The strategy takes the best of a "
            "sample, so most pairs had no chance at that moment. `p` in the export is the "
            "probability that `a` wins, and not that the pair was chosen.\n",
            to);
    if (control->labels > 0)
        (void)fprintf(
            to,
            "- **The control arm is the unbiased test set.** Its %llu labels are of pairs that were "
            "drawn at random, each with the same chance, so each has the weight 1. Train on `--arm "
            "active` and test on `--arm control`, and give the figure with its interval: with %llu "
            "labels an accuracy has a standard error of up to %.1f %%.\n",
            (unsigned long long)control->labels, (unsigned long long)control->labels,
            50 / sqrt((double)control->labels));
    else
        (void)fputs("- **There is no control arm**, so nothing here is an unbiased test set.\n",
                    to);
    if (card->arms[2].labels > 0)
        (void)fputs("- Of labels without a known assignment, nothing tells how their pairs were "
                    "chosen.\n",
                    to);
    if (fd_dataset_card_sizes(card).annotators == 1)
        (void)fputs("- One person gave all answers: the model learns what this person prefers.\n",
                    to);
    (void)fputs("- People often prefer the longer response. Compare a model with one that knows "
                "only the length.\n",
                to);
}

int fd_dataset_card_write(fd_dataset_card *card, const fd_card_surroundings *surroundings,
                          const fd_export_sink *sink) {
    FD_CLEANUP(text_clear) struct text text = {0};
    text.file = open_memstream(&text.bytes, &text.size);
    if (!text.file)
        return -EIO;
    put_head(text.file, card, surroundings);
    put_counts(text.file, card);
    int r = surroundings->has_names ? put_annotators(text.file, card) : 0;
    put_agreement(text.file, card);
    put_choice(text.file, card);
    put_model(text.file, surroundings);
    put_biases(text.file, card);
    bool is_whole = fclose(FD_STEAL(text.file)) == 0 && r == 0;
    return is_whole && sink->write(text.bytes, text.size, sink->context) == 0 ? 0 : -EIO;
}
