/* Scores items that come as JSON lines, and writes as many lines. */
#ifndef FD_SCORE_LINES_H
#define FD_SCORE_LINES_H

#include "fault.h"
#include "json_write.h"
#include "macros.h"
#include "request.h"
#include "text_columns.h"

/*
 * Reads an item from each line of the body that is not blank, and writes a line for it: its score,
 * or what is wrong with it. Some lines at a time are in memory, beside the body and the text.
 * Otherwise as fd_item_scores.
 */
int fd_score_lines(const fd_request *request, fd_style style, fd_json_text *ret,
                   fd_fault *fault) FD_MUST_CHECK;

#endif
