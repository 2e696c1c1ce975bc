/* Reads templates of texts, and fills them with a prompt and a response. */
#include "embedding_template.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char prompt_mark[] = "{prompt}", response_mark[] = "{response}";

static bool has(const char *part, const char *mark) {
    return strstr(part, mark) != NULL;
}

/* ---- reading ---- */

static int refuse(fd_fault *fault, const char *why) {
    return fd_fault_set(fault, -EINVAL, "", "embedding-template %s", why);
}

/* Copies a part up to its '|' or the end, without escapes; *at moves behind it. */
static int read_part(const char **at, char *part, fd_fault *fault) {
    for (; **at != '\0' && **at != '|'; ++*at) {
        char next = **at;
        if (next == '\\') {
            next = *++*at;
            if (next != 'n' && next != '|' && next != '\\')
                return refuse(fault, "has a \\ that is not \\n, \\| or \\\\");
            if (next == 'n')
                next = '\n';
        }
        *part++ = next;
    }
    *part = '\0';
    return 0;
}

static int check(const fd_embedding_template *template, fd_fault *fault) {
    bool has_response = false;
    for (size_t i = 0; i < template->n; i++) {
        if (!has(template->parts[i], prompt_mark) && !has(template->parts[i], response_mark))
            return refuse(fault, "has a part without {prompt} and {response}");
        has_response |= has(template->parts[i], response_mark);
    }
    return has_response ? 0 : refuse(fault, "must name {response}");
}

int fd_embedding_template_parse(const char *text, fd_embedding_template *ret, fd_fault *fault) {
    FD_CLEANUP(fd_embedding_template_clear) fd_embedding_template template = {0};
    const char *at = text;
    do {
        if (template.n == FD_TEMPLATE_PARTS)
            return refuse(fault, "has more than two parts");
        char *part = template.parts[template.n++] = malloc(strlen(text) + 1);
        if (!part)
            return -ENOMEM;
        int r = read_part(&at, part, fault);
        if (r < 0)
            return r;
    } while (*at++ == '|');
    int r = check(&template, fault);
    if (r < 0)
        return r;
    template.is_apart = template.n == 2 && !has(template.parts[0], response_mark) &&
                        !has(template.parts[1], prompt_mark);
    *ret = template;
    template = (fd_embedding_template){0};
    return 0;
}

void fd_embedding_template_clear(fd_embedding_template *template) {
    for (size_t i = 0; i < FD_TEMPLATE_PARTS; i++)
        free(template->parts[i]);
    *template = (fd_embedding_template){0};
}

/* ---- filling ---- */

static bool is_empty(const char *part, const char *prompt, const char *response) {
    return !(has(part, prompt_mark) && prompt[0] != '\0') &&
           !(has(part, response_mark) && response[0] != '\0');
}

static void fill(const char *part, const char *prompt, const char *response, FILE *out) {
    while (*part) {
        if (strncmp(part, prompt_mark, sizeof(prompt_mark) - 1) == 0) {
            (void)fputs(prompt, out);
            part += sizeof(prompt_mark) - 1;
        } else if (strncmp(part, response_mark, sizeof(response_mark) - 1) == 0) {
            (void)fputs(response, out);
            part += sizeof(response_mark) - 1;
        } else
            (void)fputc(*part++, out);
    }
}

int fd_embedding_template_fill(const fd_embedding_template *template, size_t part,
                               const char *prompt, const char *response, char **ret) {
    const char *text = template->parts[part];
    size_t size;
    prompt = prompt ? prompt : "";
    response = response ? response : "";
    if (is_empty(text, prompt, response)) {
        *ret = strdup("");
        return *ret ? 0 : -ENOMEM;
    }
    FILE *out = open_memstream(ret, &size);
    if (!out)
        return -ENOMEM;
    fill(text, prompt, response, out);
    if (fclose(out) == 0)
        return 0;
    free(*ret);
    *ret = NULL;
    return -ENOMEM;
}
